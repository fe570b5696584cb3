package install

import (
	"path/filepath"
	"runtime"
)

// platform is this machine's name among a Program's Platforms.
func platform() string {
	return platformName(runtime.GOOS, runtime.GOARCH, muslIn("/"))
}

// platformName writes a platform as npm's package names do.
func platformName(system, processor string, musl bool) string {
	if processor == "amd64" {
		processor = "x64"
	}
	if system == "windows" {
		system = "win32"
	}
	name := system + "-" + processor
	if system == "linux" && musl {
		name += "-musl"
	}
	return name
}

// muslIn tells whether the system below root runs on musl: its loader is
// there and glibc's is not. A glibc system can have musl beside it.
func muslIn(root string) bool {
	return fileExists(root, "lib/ld-musl-*.so.1") && !fileExists(root, "lib*/ld-linux*.so.*")
}

// fileExists tells whether a file matches the pattern.
func fileExists(root, pattern string) bool {
	found, err := filepath.Glob(filepath.Join(root, pattern))
	return err == nil && len(found) > 0
}

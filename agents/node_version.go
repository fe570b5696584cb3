package agents

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// PackageVersion returns the version of the npm package that an executable
// belongs to, from the package.json beside it or in the two folders above;
// empty if there is none. It runs nothing: a program for Node takes a second
// to tell its version, and some tell it on standard error.
func PackageVersion(executable string) string {
	path, err := filepath.EvalSymlinks(executable)
	if err != nil {
		return ""
	}
	dir := filepath.Dir(path)
	for range 3 {
		var manifest struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		}
		b, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err == nil && json.Unmarshal(b, &manifest) == nil && manifest.Name != "" {
			return manifest.Version
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

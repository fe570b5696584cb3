package codex

import (
	"os"
	"path/filepath"
)

// mountPoints are the folders that the CLI's sandbox makes in the workspace. A
// command that is killed leaves them, empty (PROTOCOL.md section 7).
var mountPoints = []string{".git", ".agents", ".codex", ".aws"}

// missingFolders are those of the mount points that a workspace does not have.
func missingFolders(dir string) []string {
	var missing []string
	for _, name := range mountPoints {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			missing = append(missing, path)
		}
	}
	return missing
}

// removeEmpty removes the folders that are there now and hold nothing: an
// empty .git misleads git and those who watch for one.
func removeEmpty(folders []string) {
	for _, path := range folders {
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			_ = os.Remove(path) // fails where something is in it
		}
	}
}

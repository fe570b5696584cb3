package amp

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// workspaceSettings are the names of the settings in a folder .amp.
var workspaceSettings = []string{"settings.json", "settings.jsonc"}

// settingsFolders are the folders in whose .amp Amp looks for settings: from
// the work folder, where it is and where it leads to, up to the root of its
// repository.
func settingsFolders(dir string) []string {
	dirs := upToRepository(dir)
	if to, err := filepath.EvalSymlinks(dir); err == nil && to != dir {
		dirs = append(dirs, upToRepository(to)...)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// upToRepository are a folder and its parents, up to one with a .git.
func upToRepository(dir string) []string {
	for dirs := []string(nil); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || dir == filepath.Dir(dir) {
			return dirs
		}
	}
}

// checkWorkspace refuses a work folder whose own settings say what Amp may do.
// Amp prefers them to the settings file that it is given, so they would pass
// over every approval; seen with the CLI of April 2026.
func checkWorkspace(dir string) error {
	for _, dir := range settingsFolders(dir) {
		for _, name := range workspaceSettings {
			b, err := os.ReadFile(filepath.Join(dir, gateFolder, name))
			if err == nil && (bytes.Contains(b, []byte("amp.permissions")) || bytes.Contains(b, []byte("dangerouslyAllowAll")) || bytes.ContainsRune(b, '\\')) {
				return protocol.Errorf(protocol.CodeAgentStartFailed,
					"the work folder's .amp/%s sets Amp's permissions, which would pass over Towline's approvals; remove amp.permissions and amp.dangerouslyAllowAll from it (it must hold no backslash)", name)
			}
		}
	}
	return nil
}

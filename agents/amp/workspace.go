package amp

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// checkWorkspace refuses a work folder whose own settings say what Amp may do.
// Amp prefers them to the settings file that it is given, so they would pass
// over every approval; seen with the CLI of April 2026. Amp looks for them from
// the work folder up to the root of its repository.
func checkWorkspace(dir string) error {
	for {
		for _, name := range []string{"settings.json", "settings.jsonc"} {
			b, err := os.ReadFile(filepath.Join(dir, ".amp", name))
			if err == nil && (bytes.Contains(b, []byte("amp.permissions")) || bytes.Contains(b, []byte("dangerouslyAllowAll")) || bytes.ContainsRune(b, '\\')) {
				return protocol.Errorf(protocol.CodeAgentStartFailed,
					"the work folder's .amp/%s sets Amp's permissions, which would pass over Towline's approvals; remove amp.permissions and amp.dangerouslyAllowAll from it (it must hold no backslash)", name)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || dir == filepath.Dir(dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// opensGate tells whether a call would write such settings, which Amp reads
// while it runs. It is asked for unless everything is allowed
// anyway.
func opensGate(tool *protocol.Tool) bool {
	in := readInput(tool.Input)
	return strings.Contains(filepath.ToSlash(filepath.Clean("/"+in.Path)), "/.amp/") || strings.Contains(in.Command, ".amp")
}

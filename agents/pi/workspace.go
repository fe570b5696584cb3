package pi

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/towline-dev/towline/protocol"
)

// configName is the folder of Pi's configuration, in a home and in a work
// folder.
const configName = ".pi"

// maxSettings bounds a work folder's settings, in bytes.
const maxSettings = 1 << 20

// runningSettings are the settings that name programs. Pi prefers the work
// folder's to the user's: a shell or a prefix of the folder's would run with
// every command that is allowed, and the npm command whenever Pi looks for the
// user's packages. Seen with Pi 0.74.2.
var runningSettings = []string{"shellPath", "shellCommandPrefix", "npmCommand"}

// checkWorkspace refuses a work folder whose settings name programs. It tells
// whether the folder has extensions, which are not loaded.
func checkWorkspace(dir string) (extensions bool, err error) {
	const file = configName + "/settings.json"
	settings, err := readSettings(filepath.Join(dir, configName, "settings.json"))
	if err != nil {
		return false, protocol.Errorf(protocol.CodeAgentStartFailed,
			"the work folder's %s cannot be read as a JSON object, and might name programs that would run unasked; correct or remove it", file)
	}
	for _, name := range runningSettings {
		if _, there := settings[name]; there {
			return false, protocol.Errorf(protocol.CodeAgentStartFailed,
				"the work folder's %s sets %s, which would run a program that nobody approves; remove it there, and set it in your own Pi settings if you want it", file, name)
		}
	}
	entries, _ := os.ReadDir(filepath.Join(dir, configName, "extensions"))
	return len(entries) > 0 || settings["extensions"] != nil || settings["packages"] != nil, nil
}

// readSettings reads a settings file; one that is not there is empty.
func readSettings(path string) (map[string]json.RawMessage, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe does not block it
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxSettings))
	if err != nil {
		return nil, err
	}
	var settings map[string]json.RawMessage
	if len(b) == 0 {
		return nil, nil // Pi takes it for none
	}
	err = json.Unmarshal(b, &settings)
	return settings, err
}

// opensGate tells whether a call would write Pi's configuration, the user's or
// a folder's: an extension there would be loaded by the next Pi. It is asked for
// unless everything is allowed anyway. Path is where the file lies; empty if the
// gate did not say.
func (t *translator) opensGate(tool *protocol.Tool, path string) bool {
	var in struct {
		Path string `json:"path"`
	}
	if tool.Kind != protocol.ToolEdit || json.Unmarshal(tool.Input, &in) != nil {
		return false // it is asked for, or writes nothing
	}
	for _, p := range []string{in.Path, path} {
		for part := range strings.SplitSeq(p, "/") {
			if strings.EqualFold(part, configName) { // on some systems, case says nothing
				return true
			}
		}
	}
	below, err := filepath.Rel(t.setup.Config, path)
	return t.setup.Config != "" && err == nil && filepath.IsLocal(below)
}

// realPath is a path without links; of one that is not there yet, as it stands.
func realPath(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return filepath.Clean(path)
}

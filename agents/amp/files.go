package amp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// sideFiles are the files that a connection's processes share, in a folder
// that only the server's user can enter.
type sideFiles struct {
	dir string
	// settings is Amp's settings file, delegate the program that asks, and
	// socket where it asks.
	settings, delegate, socket string
}

// maxSocket is the longest path of a socket on all systems.
const maxSocket = 103

// newFiles makes the folder, and in it the delegate: a link to executable.
func newFiles(executable string) (*sideFiles, error) {
	dir, err := os.MkdirTemp("", "towline-amp-") // made 0700
	if err == nil && len(dir) > maxSocket-len("/socket") {
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "towline-amp-")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for Amp's settings: %w", err)
	}
	d := &sideFiles{
		dir: dir, settings: filepath.Join(dir, "settings.json"),
		delegate: filepath.Join(dir, DelegateName), socket: filepath.Join(dir, "socket"),
	}
	if err := os.Symlink(executable, d.delegate); err != nil {
		d.remove()
		return nil, fmt.Errorf("cannot make Amp's delegate: %w", err)
	}
	return d, nil
}

func (d *sideFiles) remove() { _ = os.RemoveAll(d.dir) }

// rule is a permission rule (section 2).
type rule struct {
	Tool   string `json:"tool"`
	Action string `json:"action"`
	To     string `json:"to,omitempty"`
}

// writeSettings writes the settings file: the user's own settings, with the
// session's MCP servers, and with our rules in the place of the user's. Of
// those only rejections are kept: an ask would hang or end the process, and
// what is allowed is decided here. The last rule catches all, so that none of
// Amp's own rules is reached (section 5).
func (d *sideFiles) writeSettings(user string, servers map[string]protocol.MCPServer) error {
	settings := map[string]json.RawMessage{}
	b, err := os.ReadFile(user)
	if err == nil {
		err = json.Unmarshal(b, &settings)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return protocol.Errorf(protocol.CodeAgentStartFailed, "Amp's settings file in the home folder cannot be read as JSON; correct it, or take it away")
	}
	var mine []json.RawMessage
	for _, raw := range userRules(settings["amp.permissions"]) {
		var r rule
		if json.Unmarshal(raw, &r) == nil && r.Action == "reject" {
			mine = append(mine, raw)
		}
	}
	for _, tool := range harmless() {
		mine = append(mine, encode(rule{Tool: tool, Action: "allow"}))
	}
	mine = append(mine, encode(rule{Tool: "*", Action: "delegate", To: d.delegate}))
	settings["amp.permissions"] = encode(mine)
	settings["amp.dangerouslyAllowAll"] = json.RawMessage("false")
	settings["amp.notifications.enabled"] = json.RawMessage("false")
	if len(servers) > 0 {
		settings["amp.mcpServers"] = encode(mergeServers(settings["amp.mcpServers"], servers))
	}
	if err := os.WriteFile(d.settings, encode(settings), 0o600); err != nil {
		return fmt.Errorf("cannot write Amp's settings: %w", err)
	}
	return nil
}

// userRules reads a list of rules; what is none has none.
func userRules(raw json.RawMessage) []json.RawMessage {
	var rules []json.RawMessage
	if json.Unmarshal(raw, &rules) != nil {
		return nil
	}
	return rules
}

// mergeServers adds the session's servers to the user's.
func mergeServers(user json.RawMessage, session map[string]protocol.MCPServer) map[string]any {
	all := map[string]any{}
	if len(user) > 0 && json.Unmarshal(user, &all) != nil {
		all = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(session)) {
		s := session[name]
		s.Type = "" // Amp tells them apart by command and url
		all[name] = s
	}
	return all
}

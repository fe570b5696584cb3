package amp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// sideFiles are the files that a connection's processes share.
type sideFiles struct {
	*agents.Handout
	user *agents.User
	// settings is Amp's settings file, delegate the program that asks, and
	// socket where it asks.
	settings, delegate, socket string
}

// The names of the files.
const (
	settingsFile = "settings.json"
	socketFile   = "socket"
)

// newFiles makes the folder, and in it the delegate: a link to executable,
// which Amp's user must be able to run.
func newFiles(executable string, u *agents.User) (*sideFiles, error) {
	if err := u.CheckExecutable(executable); err != nil {
		return nil, err
	}
	h, err := agents.NewHandout(u, name)
	if err != nil {
		return nil, err
	}
	d := &sideFiles{Handout: h, user: u, settings: h.Path(settingsFile), delegate: h.Path(DelegateName), socket: h.Path(socketFile)}
	if err := os.Symlink(executable, d.delegate); err != nil {
		d.Remove()
		return nil, fmt.Errorf("cannot make Amp's delegate: %w", err)
	}
	return d, nil
}

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
	b, err := d.user.ReadFile(user)
	if err == nil {
		err = json.Unmarshal(b, &settings)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return protocol.Errorf(protocol.CodeAgentStartFailed, "Amp's settings file in the home folder cannot be read as JSON, or is not the user's that Amp runs as; correct it, or take it away")
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
	return d.Write(settingsFile, encode(settings))
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

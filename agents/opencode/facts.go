package opencode

import (
	"slices"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// facts are what the server lists of a folder: what can be chosen there.
type facts struct {
	// Servers are the names of the MCP servers.
	Servers  []string
	Models   []model
	Agents   []nativeAgent
	Commands []nativeCommand
}

// model is a model that the server can use.
type model struct {
	// ID is provider/model.
	ID, Name string
	Default  bool
	Variants []string
	// Context is the size of its window, in tokens; 0 for unknown.
	Context int64
}

// nativeAgent is an entry of GET /agent. Those that are primary and not hidden
// are what clients call modes.
type nativeAgent struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Mode        string `json:"mode"`
	Hidden      bool   `json:"hidden"`
	Permission  []rule `json:"permission"`
}

// nativeCommand is an entry of GET /command.
type nativeCommand struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Hints       []string `json:"hints"`
}

// contextSize returns the size of a model's window; 0 for unknown.
func (f facts) contextSize(id string) int64 {
	for _, m := range f.Models {
		if m.ID == id || id == "" && m.Default {
			return m.Context
		}
	}
	return 0
}

// models lists what clients can choose.
func (f facts) models() []protocol.Model {
	models := make([]protocol.Model, 0, len(f.Models))
	for _, m := range f.Models {
		models = append(models, protocol.Model{ID: m.ID, Name: m.Name, Default: m.Default, Efforts: m.Variants})
	}
	return models
}

// modes lists the agents that a session can run as.
func (f facts) modes() []protocol.Mode {
	var modes []protocol.Mode
	for _, a := range f.Agents {
		if a.Mode != "subagent" && !a.Hidden {
			modes = append(modes, protocol.Mode{ID: a.Name, Name: a.Name, Description: a.Description})
		}
	}
	return modes
}

// agent returns an agent by its name; one without rules if it is not listed.
func (f facts) agent(name string) nativeAgent {
	if name == "" {
		name = modeBuild
	}
	for _, a := range f.Agents {
		if a.Name == name {
			return a
		}
	}
	return nativeAgent{Name: name}
}

// check refuses settings that this server does not have. Where a list is empty
// nothing is known, and nothing refused.
func (f facts) check(s settings) error {
	if err := f.checkModel(s); err != nil {
		return err
	}
	modes := f.modes()
	if s.Mode == "" || len(modes) == 0 || slices.ContainsFunc(modes, func(m protocol.Mode) bool { return m.ID == s.Mode }) {
		return nil
	}
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = m.ID
	}
	return protocol.Errorf(protocol.CodeModeNotSupported, "OpenCode has no agent %q to run as; choose one of %s", s.Mode, strings.Join(names, ", "))
}

// checkModel refuses an unknown model, or a variant that the model has not.
func (f facts) checkModel(s settings) error {
	if len(f.Models) == 0 {
		return nil
	}
	at := slices.IndexFunc(f.Models, func(m model) bool { return m.ID == s.Model || s.Model == "" && m.Default })
	if at < 0 {
		if s.Model == "" {
			return nil // the server has a default that it does not list
		}
		return protocol.Errorf(protocol.CodeInvalidRequest, "OpenCode has no model %q here; GET /v1/agents/opencode lists those that it has", s.Model)
	}
	m := f.Models[at]
	if s.Effort == "" || slices.Contains(m.Variants, s.Effort) {
		return nil
	}
	if len(m.Variants) == 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the model %q has no efforts; leave effort out", m.ID)
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "the model %q has no effort %q; choose one of %s", m.ID, s.Effort, strings.Join(m.Variants, ", "))
}

package codex

import (
	"encoding/json"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// model is an entry of model/list.
type model struct {
	protocol.Model
	hidden bool
}

// readModels reads the answer to model/list.
func readModels(result json.RawMessage) []model {
	var r struct {
		Data []struct {
			ID          string `json:"model"`
			Name        string `json:"displayName"`
			Description string `json:"description"`
			Hidden      bool   `json:"hidden"`
			Default     bool   `json:"isDefault"`
			Efforts     []struct {
				Effort string `json:"reasoningEffort"`
			} `json:"supportedReasoningEfforts"`
		} `json:"data"`
	}
	_ = json.Unmarshal(result, &r) // without a list no model is refused
	models := make([]model, 0, len(r.Data))
	for _, d := range r.Data {
		m := model{Model: protocol.Model{ID: d.ID, Name: d.Name, Description: d.Description, Default: d.Default}, hidden: d.Hidden}
		for _, e := range d.Efforts {
			m.Efforts = append(m.Efforts, e.Effort)
		}
		models = append(models, m)
	}
	return models
}

// facts are what the process told of itself when it started.
type facts struct {
	models []model
	// configured is the model of the configuration, which need not be listed.
	configured string
	// loggedOut tells that the model provider wants a login that is not there.
	loggedOut bool
}

// find returns the model of that name; nil if it is not listed.
func (f facts) find(name string) *protocol.Model {
	i := slices.IndexFunc(f.models, func(m model) bool { return m.ID == name })
	if i < 0 {
		return nil
	}
	return &f.models[i].Model
}

// check refuses a model or effort that the CLI would accept silently
// (PROTOCOL.md section 4, turn/start).
func (f facts) check(s settings) error {
	m := f.find(s.model)
	if s.model != "" && m == nil && s.model != f.configured && len(f.models) > 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest,
			"Codex knows no model %q; take one that GET /v1/agents/codex lists, or name it as model in Codex's config.toml", cleanLine(s.model))
	}
	if s.model == "" {
		m = f.find(f.configured)
	}
	return checkEffort(s.effort, m)
}

// checkChange is check of what a client changes. A session may go on with what
// it has: a resumed one with a model that is not listed any more.
func (f facts) checkChange(from, to settings) error {
	if len(f.models) == 0 || (from.model == to.model && from.effort == to.effort) {
		return nil
	}
	if from.model == to.model {
		return checkEffort(to.effort, f.find(to.model))
	}
	return f.check(to)
}

// shown are the models that are meant to be chosen.
func (f facts) shown() []protocol.Model {
	var models []protocol.Model
	for _, m := range f.models {
		if m.hidden {
			continue
		}
		if f.configured != "" {
			m.Default = m.ID == f.configured
		}
		models = append(models, m.Model)
	}
	if f.configured != "" && f.find(f.configured) == nil {
		models = append(models, protocol.Model{ID: f.configured, Name: f.configured, Default: true})
	}
	return models
}

// knownModels are those of the pinned version, until a process told its own.
func knownModels() []protocol.Model {
	all := []string{"low", "medium", "high", "xhigh", "max", "ultra"}
	return []protocol.Model{
		{ID: "gpt-6.1-sol", Name: "GPT-6.1-Sol", Default: true, Efforts: all},
		{ID: "gpt-6-astra", Name: "GPT-6-Astra", Efforts: all},
		{ID: "gpt-6-sol", Name: "GPT-6-Sol", Efforts: all},
		{ID: "gpt-5.5", Name: "GPT-5.5", Efforts: all[:4]},
	}
}

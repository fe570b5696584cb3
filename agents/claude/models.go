package claude

import "github.com/towline-dev/towline/protocol"

// defaultModel is the entry of the CLI's list that stands for its own choice.
const defaultModel = "default"

// nativeModel is a model as the CLI's initialize answer lists it.
type nativeModel struct {
	Value       string   `json:"value"`
	Resolved    string   `json:"resolvedModel"`
	Name        string   `json:"displayName"`
	Description string   `json:"description"`
	Efforts     []string `json:"supportedEffortLevels"`
}

// readModels maps the CLI's list. Efforts are those that can be set here.
func readModels(native []nativeModel) []protocol.Model {
	models := make([]protocol.Model, 0, len(native))
	for _, n := range native {
		m := protocol.Model{ID: n.Value, Name: n.Name, Description: n.Description, Default: n.Value == defaultModel}
		if len(n.Efforts) > 0 {
			m.Efforts = efforts
		}
		models = append(models, m)
	}
	return models
}

// knownModels are the aliases that every version takes. The list that a
// session brings takes its place.
func knownModels() []protocol.Model {
	return []protocol.Model{
		{ID: defaultModel, Name: "Default", Default: true, Efforts: efforts},
		{ID: "opus", Name: "Opus", Efforts: efforts},
		{ID: "sonnet", Name: "Sonnet", Efforts: efforts},
		{ID: "haiku", Name: "Haiku", Efforts: efforts},
	}
}

// modes are the modes, and permission modes, that Info lists.
func modes() []protocol.Mode {
	return []protocol.Mode{
		{ID: modeDefault, Name: "Default", Description: "Works, and asks as the permission mode says"},
		{ID: modePlan, Name: "Plan", Description: "Reads and plans; changes nothing until the plan is approved"},
	}
}

func permissionModes() []protocol.Mode {
	return []protocol.Mode{
		{ID: modeDefault, Name: "Ask", Description: "Asks before edits and commands"},
		{ID: modeAcceptEdits, Name: "Accept edits", Description: "Edits files in the workspace without asking"},
		{ID: modePlan, Name: "Plan", Description: "Changes nothing until the plan is approved"},
		{ID: "dontAsk", Name: "Do not ask", Description: "Denies what is not allowed by a rule, without asking"},
		{ID: "auto", Name: "Auto", Description: "Lets the agent judge which calls are safe; not every model has it"},
		{ID: modeBypass, Name: "Bypass", Description: "Runs everything without asking"},
	}
}

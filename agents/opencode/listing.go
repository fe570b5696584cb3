package opencode

import (
	"encoding/json"
	"maps"
	"slices"
)

// readServers reads the answer of GET /mcp: the names of the MCP servers.
func readServers(body json.RawMessage) []string {
	var servers map[string]json.RawMessage
	if json.Unmarshal(body, &servers) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(servers))
}

// readAgents reads the answer of GET /agent.
func readAgents(body json.RawMessage) []nativeAgent {
	var agents []nativeAgent
	if json.Unmarshal(body, &agents) != nil {
		return nil
	}
	return agents
}

// readCommands reads the answer of GET /command.
func readCommands(body json.RawMessage) []nativeCommand {
	var commands []nativeCommand
	if json.Unmarshal(body, &commands) != nil {
		return nil
	}
	return commands
}

// readModels reads the answer of GET /config/providers. That answer holds the
// keys of the providers in clear (section 4): nothing but what is read here
// may be kept or told. chosen is the model that the configuration names.
func readModels(body json.RawMessage, chosen string) []model {
	var all struct {
		Providers []struct {
			ID     string `json:"id"`
			Models map[string]struct {
				ID     string `json:"id"`
				Name   string `json:"name"`
				Status string `json:"status"`
				Limit  struct {
					Context int64 `json:"context"`
				} `json:"limit"`
				Variants map[string]json.RawMessage `json:"variants"`
			} `json:"models"`
		} `json:"providers"`
		Default map[string]string `json:"default"`
	}
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	var models []model
	for _, p := range all.Providers {
		for _, key := range slices.Sorted(maps.Keys(p.Models)) {
			m := p.Models[key]
			id := p.ID + "/" + key
			one := model{ID: id, Name: m.Name, Variants: slices.Sorted(maps.Keys(m.Variants)), Context: m.Limit.Context}
			one.Default = id == chosen || chosen == "" && len(all.Providers) == 1 && all.Default[p.ID] == key
			models = append(models, one)
		}
	}
	return models
}

// readChosen reads the answer of GET /config: the model that it names.
func readChosen(body json.RawMessage) string {
	var config struct {
		Model string `json:"model"`
	}
	_ = json.Unmarshal(body, &config) // without one the server chooses
	return config.Model
}

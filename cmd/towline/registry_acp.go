package main

import (
	"maps"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/agents/install"
)

// acpAgents returns the agents that speak the Agent Client Protocol: those that
// are known, and each one of --agent whose name no other agent has. It takes
// their commands out of the locator's flags: they are whole commands, such as
// gemini=gemini --acp.
func acpAgents(others *agents.Registry, o acp.Options, onDemand bool) ([]agents.Agent, error) {
	entries := acp.Entries()
	for _, name := range slices.Sorted(maps.Keys(o.Locator.Flags)) {
		if _, err := others.Get(name); err == nil {
			continue
		}
		at := slices.IndexFunc(entries, func(e acp.Entry) bool { return e.Name == name })
		if at < 0 {
			at, entries = len(entries), append(entries, acp.Custom(name, nil))
		}
		e, err := entries[at].With(o.Locator.Flags[name])
		if err != nil {
			return nil, err
		}
		entries[at] = e
		delete(o.Locator.Flags, name)
	}
	all := make([]agents.Agent, 0, len(entries))
	for _, e := range entries {
		one := o
		one.Entry = e
		if onDemand {
			one.Installation = install.ACP(e.Name, o.Locator.Dir)
		}
		all = append(all, acp.New(one))
	}
	return all, nil
}

package conformance

import (
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// Adapter says how one agent comes to be tested.
type Adapter struct {
	// Name is the agent's name.
	Name string
	// About says in a few words what the agent is, and how it is driven.
	About string
	// New makes the agent without running it, for what it says of itself.
	New func() agents.Agent
	// Place makes a place where the agent runs, as the executable that the
	// locator finds; the test's end cleans it up.
	Place func(t agenttest.T, l *agents.Locator) *Place
	// Share, of an agent one process of which serves many sessions, makes
	// places as Place does that have the agent and its model in common, and
	// nothing else; nil for other agents. The agent ends with t.
	Share func(t agenttest.T, l *agents.Locator) func(agenttest.T) *Place
	// Scenarios are what the agent is tested with; nil means all of
	// agenttest.Scenarios, for an agent whose model is scripted.
	Scenarios []agenttest.Scenario
}

// Claimed are the scenarios that an agent with these capabilities must pass, in
// the order in which they are driven.
func (a Adapter) Claimed(claims protocol.Capabilities) []agenttest.Scenario {
	all := a.Scenarios
	if all == nil {
		all = agenttest.Scenarios()
	}
	names := capabilities(claims)
	return slices.DeleteFunc(slices.Clone(all), func(s agenttest.Scenario) bool { return !includes(names, s.Proves) })
}

// Place is where an agent runs: beside a scripted model and away from the
// machine's user.
type Place struct {
	Agent agents.Agent
	// Model answers the agent; nil for an agent that is scripted itself.
	Model Model
	// Dir is the sessions' work folder.
	Dir string
	// Env is given to every session.
	Env map[string]string
}

// Model is a scripted model server on loopback, such as agenttest.Messages.
type Model interface {
	On(name string, rounds ...agenttest.Round) *agenttest.Script
	Requests() []*agenttest.Request
}

// part is what one place has of a model that several share: their scripts have
// different names.
type part struct {
	Model

	prefix string
}

// On registers a script for this place alone.
func (p part) On(name string, rounds ...agenttest.Round) *agenttest.Script {
	return p.Model.On(p.prefix+name, agenttest.Prefixed(p.prefix, rounds)...)
}

// Requests are those that a script of this place answered.
func (p part) Requests() []*agenttest.Request {
	return slices.DeleteFunc(p.Model.Requests(), func(r *agenttest.Request) bool { return !strings.HasPrefix(r.Script, p.prefix) })
}

package amp

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// ask is a delegate that waits for its answer.
type ask struct {
	id   string
	tool *protocol.Tool
	// parked tells that the call has not been seen on stdout yet.
	parked bool
}

// askRequest is what a delegate asks.
type askRequest struct {
	Tool      string
	ToolUseID string
	Input     json.RawMessage
	// OpensGate tells that the call would write to the gate.
	OpensGate bool
}

// answer is what a delegate is told.
type answer struct {
	ask     string
	allow   bool
	message string
}

// maxAsks bounds the delegates that wait; Amp asks one after the other.
const maxAsks = 64

// asked takes what a delegate asks. The call was announced on stdout before
// the delegate began, but may not have been read; a subagent's calls are never
// announced. So an ask without its call waits, until unpark.
func (t *translator) asked(id string, r askRequest, o *output) {
	a := &ask{id: id, tool: describeTool(r.Tool, r.ToolUseID, r.Input)}
	switch {
	case len(t.asks) >= maxAsks:
		t.answers = append(t.answers, answer{ask: id, message: "Too many approvals wait."})
	case t.grants.Covers(a.tool) && (t.grants.Mode == agents.PermissionBypass || !r.OpensGate):
		t.answers = append(t.answers, answer{ask: id, allow: true})
	case t.turn.interrupting:
		t.answers = append(t.answers, answer{ask: id, message: "The user interrupted the turn."})
	case t.tools[r.ToolUseID] == nil:
		a.parked = true
		t.asks[id] = a
	default:
		t.asks[id] = a
		t.requestPermission(a, o)
	}
}

// unpark reports an ask whose call did not show up.
func (t *translator) unpark(id string, o *output) {
	if a := t.asks[id]; a != nil && a.parked {
		t.requestPermission(a, o)
	}
}

// requestPermission reports the ask.
func (t *translator) requestPermission(a *ask, o *output) {
	a.parked = false
	item := ""
	if t.tools[a.tool.CallID] != nil {
		item = a.tool.CallID
	}
	o.emit(&protocol.PermissionRequested{Permission: protocol.Permission{
		PermissionID: a.id,
		ItemID:       item,
		Kind:         agents.PermissionKind(a.tool.Kind),
		Title:        a.tool.Title,
		Tool:         a.tool,
		Diff:         preview(a.tool),
		Options:      agents.GrantOptions(a.tool),
	}})
}

// gone takes the end of a delegate that had no answer yet.
func (t *translator) gone(id string, o *output) {
	if t.asks[id] != nil {
		t.withdraw(id, o)
	}
}

// withdraw closes an ask without a decision: nobody waits for one any more.
func (t *translator) withdraw(id string, o *output) {
	a := t.asks[id]
	delete(t.asks, id)
	t.answers = append(t.answers, answer{ask: id, message: "The approval was withdrawn."})
	if !a.parked {
		o.emit(&protocol.PermissionResolved{
			PermissionID: id, Outcome: protocol.PermissionCancelled, By: protocol.Actor{Kind: "agent"}, Reason: "agent_withdrew",
		})
	}
}

// withdrawAsks closes the asks about a call that has its result.
func (t *translator) withdrawAsks(call string, o *output) {
	for _, id := range slices.Sorted(maps.Keys(t.asks)) {
		if t.asks[id].tool.CallID == call {
			t.withdraw(id, o)
		}
	}
}

// decide answers a permission.
func (t *translator) decide(c *agents.Decide) error {
	a := t.asks[c.PermissionID]
	if a == nil {
		return protocol.Errorf(protocol.CodePermissionClosed, "this permission is not open any more; the agent has withdrawn it or has its answer")
	}
	if c.Input != nil {
		return protocol.Errorf(protocol.CodeCapabilityMissing, "Amp takes no edited input; decide without input")
	}
	delete(t.asks, c.PermissionID)
	given := answer{ask: a.id, allow: c.Option.Decision == protocol.Allow, message: c.Message}
	if !given.allow {
		if given.message == "" {
			given.message = "The user did not allow this."
		}
		if call := t.tools[a.tool.CallID]; call != nil {
			call.declined = true
		}
	} else if c.Option.Scope == protocol.ScopeSession {
		t.grants.Give(a.tool)
	}
	t.answers = append(t.answers, given)
	return nil
}

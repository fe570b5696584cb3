package codex

import (
	"maps"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// agentState is what a collabAgentToolCall tells of a subagent.
type agentState struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// agentTool describes a call that has to do with subagents.
func agentTool(n nativeItem) *protocol.Tool {
	title := "Subagent: " + n.Tool
	if n.Prompt != "" {
		title = "Subagent: " + n.Prompt
	}
	return &protocol.Tool{
		Name: n.Tool, Kind: protocol.ToolTask, Title: cleanLine(title),
		Input: encode(map[string]any{"tool": n.Tool, "prompt": n.Prompt, "threads": append([]string{}, n.Receivers...)}),
	}
}

// spawned claims the threads that a completed call made: a subagent's thread
// is announced nowhere else (PROTOCOL.md section 7). The call stays open, as
// the place where the subagent's items are, until the subagent's turn ends. It
// tells whether that is so.
func (t *translator) spawned(it *item, n nativeItem, o *output) bool {
	if n.Tool != "spawnAgent" || n.Status != "completed" {
		return false
	}
	fresh := false
	for _, id := range n.Receivers {
		if t.threads[id] != nil {
			continue
		}
		fresh = true
		t.threads[id] = &thread{id: id, parent: it.ID, spawn: it}
		o.claimed = append(o.claimed, id)
		o.notice("info", "subagent_started", cleanLine("a subagent started: "+n.Prompt), map[string]string{"item_id": it.ID, "thread": id})
	}
	return fresh
}

// subagentTurnEnded closes what the subagent left open, and the call that
// started it.
func (t *translator) subagentTurnEnded(th *thread, p nativeTurn, outcome protocol.Outcome, o *output) {
	status := map[protocol.Outcome]protocol.ItemStatus{
		protocol.OutcomeCompleted: protocol.ItemDone, protocol.OutcomeInterrupted: protocol.ItemInterrupted,
		protocol.OutcomeFailed: protocol.ItemFailed,
	}[outcome]
	for _, it := range t.openItems(func(it *item) bool { return it.key.thread == th.id }) {
		t.closeItem(it, status, o)
	}
	for _, i := range p.Turn.Items {
		if i.Type == "agentMessage" {
			th.result = i.Text
		}
	}
	var content []protocol.Part
	if th.result != "" {
		content = append(content, protocol.TextPart(th.result))
	}
	if p.Turn.Error != nil {
		content = append(content, protocol.TextPart(p.Turn.Error.Message))
	}
	if th.spawn != nil && !th.spawn.done {
		t.complete(th.spawn, status, content, o)
		o.notice("info", "subagent_ended", "a subagent ended ("+p.Turn.Status+")", map[string]string{"item_id": th.spawn.ID, "thread": th.id})
	}
}

// agentParts is what a call tells of the subagents that it is about.
func agentParts(n nativeItem) []protocol.Part {
	parts := []protocol.Part{}
	for _, id := range slices.Sorted(maps.Keys(n.Agents)) {
		s := n.Agents[id]
		parts = append(parts, protocol.Part{Type: protocol.PartStatus, Label: s.Status, Detail: s.Message})
	}
	return parts
}

package codex

import (
	"encoding/json"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// Skipped takes a line that was too long to be read (agents.Skipper). An answer
// fails its call, and an approval counts as refused (PROTOCOL.md section 6).
func (h *hub) Skipped(head, tail []byte) agents.Output {
	var out agents.Output
	in, err := h.peer.Skipped(head, tail)
	m := newMessage(in, nil)
	turnEnd := m.Kind == jsonrpc.Notification && m.Method == "turn/completed"
	switch {
	case err != nil, turnEnd && m.thread == "":
		if h.working() || len(h.peer.Open()) > 0 {
			out.Broken = "Codex wrote a message that is longer than this server reads, and it may be one that a turn waits for"
		}
	case m.Kind == jsonrpc.Request:
		out.Frames = append(out.Frames, h.peer.TooLong(m.ID))
		h.tellOf(m.thread, &protocol.ErrorEvent{
			Code:    string(protocol.CodeTooLarge),
			Message: cleanLine("a request of Codex is longer than this server reads, so it was refused: " + m.Method),
		})
	case turnEnd, m.Kind == jsonrpc.Response:
		h.take(m, &out)
	}
	return out
}

// tellOf tells the session that has the thread; all if none has.
func (h *hub) tellOf(thread string, d protocol.Data) {
	if c := h.conns[h.threads[thread]]; c != nil {
		c.push(agents.Report{Events: []protocol.Data{d}}, 0)
		return
	}
	h.tellAll(d)
}

// turnSkipped ends a turn whose end was too long to be read: how it ended is
// not known.
func (t *translator) turnSkipped(params json.RawMessage, o *output) {
	var p nativeTurn
	_ = json.Unmarshal(params, &p) // the hub has found its thread in them
	if t.turn.stopping && t.root != nil && p.ThreadID == t.root.id {
		t.turnOver(p, protocol.OutcomeInterrupted, o)
		return
	}
	p.Turn.Status = "failed"
	p.Turn.Error = &nativeError{
		Message: "Codex ended the turn with a message that is longer than this server reads, so nothing tells how it ended; look at what it did, then prompt again",
		Info:    json.RawMessage(`"tooLarge"`),
	}
	t.turnOver(p, protocol.OutcomeFailed, o)
}

package opencode

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// stored is a snapshot's message.
func stored(info string, parts ...string) storedMessage {
	m := storedMessage{Info: json.RawMessage(info)}
	for _, p := range parts {
		m.Parts = append(m.Parts, json.RawMessage(p))
	}
	return m
}

// missed is what a turn did since its prompt: a text, a subagent with an ask,
// and a step that was counted.
func missed() snapshot {
	return snapshot{
		Since: 100, Session: json.RawMessage(`{"id":"ses_r","title":"T"}`), Busy: true,
		Messages: map[string][]storedMessage{
			"ses_r": {
				stored(`{"id":"msg_0","sessionID":"ses_r","role":"assistant","time":{"created":50,"completed":60}}`, `{"id":"prt_0","sessionID":"ses_r","messageID":"msg_0","type":"text","text":"Old.","time":{"end":1}}`),
				stored(`{"id":"msg_u_m1","sessionID":"ses_r","role":"user","time":{"created":100}}`),
				stored(`{"id":"msg_a_m1","sessionID":"ses_r","role":"assistant","parentID":"msg_u_m1","time":{"created":101,"completed":120}}`,
					`{"id":"prt_1","sessionID":"ses_r","messageID":"msg_a_m1","type":"text","text":"Hello there.","time":{"end":1}}`,
					`{"id":"prt_t","sessionID":"ses_r","messageID":"msg_a_m1","type":"tool","tool":"task","callID":"c","state":{"status":"completed","input":{"description":"look"},"output":"seen","metadata":{"sessionId":"ses_c"}}}`,
					`{"id":"prt_s","sessionID":"ses_r","messageID":"msg_a_m1","type":"step-finish","tokens":{"input":3,"output":4},"cost":1}`),
			},
			"ses_c": {stored(`{"id":"msg_c","sessionID":"ses_c","role":"assistant","time":{"created":110,"completed":115}}`,
				`{"id":"prt_c","sessionID":"ses_c","messageID":"msg_c","type":"text","text":"Inner.","time":{"end":1}}`)},
		},
		Children: []childSession{{"ses_c", "ses_r"}}, Todos: []nativeTodo{{Content: "this", Status: "pending"}},
		Permissions: []json.RawMessage{json.RawMessage(`{"id":"per_1","sessionID":"ses_r","permission":"bash","metadata":{"command":"ls"}}`)},
	}
}

// What was missed is told once, a subagent's work inside its call, history not
// at all; the stream may tell it again, and so may another snapshot.
func TestSection5CatchUp(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("message.part.updated", `{"part":{"id":"prt_1","sessionID":"%s","messageID":"msg_a_m1","type":"text","text":""}}`)
	b.see("message.part.delta", `{"sessionID":"%s","messageID":"msg_a_m1","partID":"prt_1","field":"text","delta":"Hel"}`)
	b.out = b.catchUp(missed())
	want := "session.updated item.delta item.completed item.started item.started item.completed item.completed usage.updated permission.requested plan.updated"
	if b.kinds() != want {
		t.Fatalf("told %s\nwant %s", b.kinds(), want)
	}
	if d := b.out.Events[1].(*protocol.ItemDelta); d.Text != "lo there." {
		t.Errorf("the rest of the text is %q", d.Text)
	}
	if inner := b.out.Events[4].(*protocol.ItemStarted).Item; inner.ID != "prt_c" || inner.ParentID != "prt_t" {
		t.Errorf("the subagent's text is %+v", inner)
	}
	if b.out = b.catchUp(missed()); b.kinds() != "" {
		t.Errorf("another snapshot told %s", b.kinds())
	}
	for kind, late := range map[string]string{
		"message.part.delta":   `{"sessionID":"%s","messageID":"msg_a_m1","partID":"prt_1","field":"text","delta":"lo"}`,
		"message.part.updated": `{"part":{"id":"prt_1","sessionID":"%s","messageID":"msg_a_m1","type":"text","text":"Hello there.","time":{"end":1}}}`,
		"permission.asked":     `{"id":"per_1","sessionID":"%s","permission":"bash"}`,
	} {
		if b.see(kind, late); b.kinds() != "" {
			t.Errorf("a late %s told %s", kind, b.kinds())
		}
	}
}

// A text that goes on after the cut is told from where it stood when it is
// whole: what came in between cannot be known before.
func TestSection5CatchUpInText(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	b.see("message.part.updated", `{"part":{"id":"prt_1","sessionID":"%s","messageID":"msg_a_m1","type":"text","text":""}}`)
	delta := func(text string) {
		b.see("message.part.delta", `{"sessionID":"%s","messageID":"msg_a_m1","partID":"prt_1","field":"text","delta":"`+text+`"}`)
	}
	delta("One ")
	b.catchUp(snapshot{Session: json.RawMessage(`{"id":"ses_r"}`), Busy: true, Messages: map[string][]storedMessage{}})
	if delta("three"); b.kinds() != "" {
		t.Errorf("a text with a hole was told: %s", b.kinds())
	}
	b.see("message.part.updated", `{"part":{"id":"prt_1","sessionID":"%s","messageID":"msg_a_m1","type":"text","text":"One two three","time":{"end":1}}}`)
	if d, ok := b.out.Events[0].(*protocol.ItemDelta); !ok || d.Text != "two three" || b.kinds() != "item.delta item.completed" {
		t.Errorf("told %s", b.kinds())
	}
}

// Asks that somebody else has answered are closed, those that we have answered
// are not asked again, and the turn's end is looked for.
func TestSection5CatchUpAsks(t *testing.T) {
	b := newBench(t)
	b.prompt("m1")
	for _, n := range []string{"1", "2"} {
		b.tool("msg_a_m1", "prt_"+n, `{"status":"pending"}`)
		b.asked("per_"+n, "msg_a_m1", "prt_"+n)
	}
	b.see("question.asked", `{"id":"que_1","sessionID":"%s","questions":[{"question":"Which?"}]}`)
	b.do(&agents.Decide{PermissionID: "per_1", Option: protocol.PermissionOption{Decision: protocol.Allow}})
	b.out = b.catchUp(snapshot{
		Session: json.RawMessage(`{"id":"ses_r"}`), Messages: map[string][]storedMessage{},
		Permissions: []json.RawMessage{json.RawMessage(`{"id":"per_1","sessionID":"ses_r","permission":"bash"}`)},
	})
	if b.kinds() != "permission.resolved question.resolved" || !b.out.Look {
		t.Errorf("told %s, look %t", b.kinds(), b.out.Look)
	}
	status := request{Kind: askStatus}
	for _, a := range []answer{{Status: 500}, {Status: 200, Body: json.RawMessage(`[]`)}} {
		if b.out = b.answered(status, a); b.kinds() != "" || !b.out.Look {
			t.Errorf("%+v: told %s, look %t", a, b.kinds(), b.out.Look)
		}
	}
	if b.out = b.answered(status, answer{Status: 200, Body: json.RawMessage(`{"ses_r":{"type":"busy"}}`)}); b.kinds() != "" || b.out.Look {
		t.Errorf("a busy session: told %s, look %t", b.kinds(), b.out.Look)
	}
	if b.out = b.answered(status, answer{Status: 200, Body: json.RawMessage(`{"ses_x":{"type":"busy"}}`)}); !strings.HasSuffix(b.kinds(), "turn.ended") {
		t.Errorf("an idle session: told %s", b.kinds())
	}
	if b.out = b.answered(status, answer{Status: 200, Body: json.RawMessage(`{}`)}); b.kinds() != "" {
		t.Errorf("without a turn: told %s", b.kinds())
	}
	if b.out = b.catchUp(snapshot{Gone: true}); !b.out.Gone {
		t.Error("a deleted session lives on")
	}
}

package pi

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// A dialog that nobody will answer is closed at once: its extension may wait
// for it, and the turn for the extension. What shows something is not answered.
func TestSection3DialogsWithoutAnAnswer(t *testing.T) {
	const cancelled = `{"type":"extension_ui_response","id":"d1","cancelled":true}` + "\n"
	for name, c := range map[string]struct{ dialog, sent, shown string }{
		"unknown":      {`"method":"pick_color","title":"Which?"`, cancelled, "not known"},
		"misshapen":    {`"method":"select","title":"Which?","options":7`, cancelled, "shape"},
		"of no kind":   {`"title":"Which?"`, cancelled, "not known"},
		"decoration":   {`"method":"setWidget","widgetLines":["a"],"title":7`, "", ""},
		"a notice":     {`"method":"notify","message":"look out"`, "", "look out"},
		"a bad gate's": {`"method":"input","title":"towline:permission","placeholder":"{\"tool\":7}"`, "", "question.requested"},
	} {
		t.Run(name, func(t *testing.T) {
			events, sent := native(opened(t), `{"type":"extension_ui_request","id":"d1",`+c.dialog+`}`)
			if sent != c.sent {
				t.Errorf("it was answered with %q", sent)
			}
			want(t, ndjson(t, events), c.shown)
		})
	}
}

// When too many dialogs wait, another one is closed, the gate's too: the call is
// blocked then. What needs no human, and what shows something, goes on.
func TestSection3TooManyDialogs(t *testing.T) {
	tr := opened(t)
	for i := range maxAsks {
		native(tr, fmt.Sprintf(`{"type":"extension_ui_request","id":"q%d","method":"confirm","title":"t"}`, i))
	}
	for name, c := range map[string]struct{ frame, sent, shown string }{
		"a question": {`{"type":"extension_ui_request","id":"x","method":"confirm","title":"t"}`, `"id":"x","cancelled":true`, "agent.unparsed"},
		"the gate's": {gateRequest, `"id":"d1","cancelled":true`, "agent.unparsed"},
		"reading":    {strings.Replace(gateRequest, "bash", "read", 1), `\"allow\":true`, ""},
		"a notice":   {`{"type":"extension_ui_request","id":"n","method":"notify","message":"look out"}`, "", "look out"},
	} {
		events, sent := native(tr, c.frame)
		if !strings.Contains(sent, c.sent) || (c.sent == "") != (sent == "") {
			t.Errorf("%s was answered with %q", name, sent)
		}
		want(t, ndjson(t, events), c.shown)
	}
}

// The session closes all that waits with the turn, so nobody can answer it.
func TestSection4TurnEndsWhileAsking(t *testing.T) {
	tr := opened(t)
	_, sent := native(tr, `{"type":"extension_ui_request","id":"q1","method":"confirm","title":"t"}`, stopped, agentEnds)
	if sent != `{"type":"extension_ui_response","id":"q1","cancelled":true}`+"\n" {
		t.Errorf("it was answered with %q", sent)
	}
	if _, err := tr.Command(&agents.Answer{QuestionID: "q1", Answers: [][]string{{"Yes"}}}); protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("an answer came to %v", err)
	}
}

// How long a dialog waits; Node takes a longer time than it knows for none.
func TestDialogTimeout(t *testing.T) {
	for timeout, want := range map[string]time.Duration{
		"500": 450 * time.Millisecond, "60000": 59_900 * time.Millisecond, "0": 0, "-1": 0, "null": 0, "0.5": 450 * time.Microsecond,
		"1e12": 900 * time.Microsecond,
	} {
		tr := opened(t)
		native(tr, `{"type":"extension_ui_request","id":"q1","method":"confirm","title":"t","timeout":`+timeout+`}`)
		if got := tr.asks["q1"].timeout; got != want {
			t.Errorf("a timeout of %s ms is %v, want %v", timeout, got, want)
		}
	}
}

// A dialog that Pi closes itself after a time is closed for clients too, and a
// late answer is refused.
func TestDialogExpires(t *testing.T) {
	conn, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"FAKE": "dialog"}})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}}); err != nil {
		t.Fatal(err)
	}
	checkExpiry(t, conn)
}

// checkExpiry waits for a question's expiry, and answers it too late.
func checkExpiry(t *testing.T, conn agents.Conn) {
	t.Helper()
	events := readUntil(t, conn, protocol.TypeQuestionResolved)
	want(t, ndjson(t, events), `"question.requested"`, `"outcome":"cancelled"`, `"reason":"agent_withdrew"`)
	id := events[len(events)-1].(*protocol.QuestionResolved).QuestionID
	err := conn.Send(t.Context(), &agents.Answer{QuestionID: id, Answers: [][]string{{"Yes"}}})
	if protocol.CodeOf(err) != protocol.CodePermissionClosed {
		t.Errorf("a late answer came to %v", err)
	}
}

// A permission that expires says when.
func TestPermissionExpires(t *testing.T) {
	conn, err := fakeAgent(t).Open(t.Context(), agents.Start{SessionID: "s1", Directory: t.TempDir(), Env: map[string]string{"FAKE": "old gate"}})
	if err != nil {
		t.Fatal(err)
	}
	defer finish(t, conn)
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}}); err != nil {
		t.Fatal(err)
	}
	want(t, ndjson(t, readUntil(t, conn, protocol.TypePermissionResolved)), `"expires_at":"`, `"outcome":"cancelled"`)
}

// The real Pi closes a dialog that has a timeout.
func TestRealDialogExpires(t *testing.T) {
	a, home, _ := realPi(t)
	put(t, map[string]string{filepath.Join(home.Home, ".pi", "agent", "extensions", "sure.ts"): `export default function (pi) {
	pi.registerCommand("sure", { description: "d", handler: async (args, ctx) => {
		const sure = await ctx.ui.confirm("Sure?", "m", { timeout: 500 });
		ctx.ui.notify("sure: " + sure);
	} });
}
`})
	conn := openReal(t, a, agents.Start{Directory: home.Dir})
	if err := conn.Send(t.Context(), &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("/sure")}}}); err != nil {
		t.Fatal(err)
	}
	checkExpiry(t, conn)
	want(t, ndjson(t, readUntil(t, conn, protocol.TypeTurnEnded)), "sure: false")
}

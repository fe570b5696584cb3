package conformance_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// attachTo is a client of another session of the same server.
func attachTo(t *testing.T, s *talk, session string) *conformance.Recorder {
	t.Helper()
	return conformance.Record(t, s.server.Client, session, protocol.FormatJSON)
}

// containsText tells whether a request's body holds a text.
func containsText(r *agenttest.Request, text string) bool {
	return strings.Contains(string(r.Body), text)
}

// An overloaded model is tried again, and clients are told.
func TestClaudeOverloadedOnce(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("busy", agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("It worked.")}, Fail: &agenttest.Failure{Status: 529, Times: 1}}), "")
	s.Await(agenttest.Want{Type: protocol.TypeNotice, Has: map[string]string{"code": "retrying", "details.status": "529"}})
	s.ended(protocol.OutcomeCompleted)
}

// A wrong key fails the turn in words, and not the session.
func TestClaudeWrongKey(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("key", agenttest.Round{Fail: &agenttest.Failure{Status: http.StatusUnauthorized}}), "")
	e := s.ended(protocol.OutcomeFailed)
	if e.Error == nil || e.Error.Code != "authentication_failed" || e.Error.Retryable || e.Error.Message == "" {
		t.Errorf("the turn failed with %+v", e.Error)
	}
	if status := s.State().Status; status != protocol.StatusIdle {
		t.Errorf("the session is %s", status)
	}
	s.past()
}

// A change of the model is told, and the model's server sees it.
func TestClaudeModelChange(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.past()
	model := "haiku"
	ok(t, s.Configure(t.Context(), protocol.SessionConfigure{Model: &model}))
	s.goesOn()
	s.ReadTo(s.State().Seq)
	if before, after := s.lastRequest("past").Model, s.lastRequest("future").Model; before == after || !strings.Contains(after, "haiku") {
		t.Errorf("the model was %s and then %s", before, after)
	}
	if told := s.State().Model; !strings.Contains(told, "haiku") {
		t.Errorf("the session tells %s", told)
	}
}

// The workspace's commands are listed, and a prompt can be one.
func TestClaudeSlashCommands(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	greet := s.model.On("greet", agenttest.Play(agenttest.Say("Hello there.")))
	dir := filepath.Join(s.place.Dir, ".claude", "commands")
	ok(t, os.MkdirAll(dir, 0o700))
	ok(t, os.WriteFile(filepath.Join(dir, "greet.md"), []byte("---\ndescription: Greets\n---\nGreet $ARGUMENTS. "+greet.Marker()+"\n"), 0o600))
	s.say("/greet everybody", "")
	s.Await(agenttest.Want{Type: protocol.TypeCommandsUpdated, Has: map[string]string{"commands.*.name": "greet"}})
	s.ended(protocol.OutcomeCompleted)
	mentions(t, s.lastRequest("greet"), "Greet everybody.")
}

// Turns tell what they used, and the session's sum is theirs.
func TestClaudeUsage(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	var cost float64
	for range 2 {
		s.say(s.script("used", agenttest.Play(agenttest.Say("Used."))), "")
		e := s.ended(protocol.OutcomeCompleted)
		if e.Usage == nil || e.Usage.OutputTokens != 20 || e.Usage.InputTokens == 0 || e.CostUSD == nil || *e.CostUSD <= 0 || e.DurationMS <= 0 {
			t.Fatalf("the turn ended with %+v, usage %+v", e, e.Usage)
		}
		cost += *e.CostUSD
	}
	u := s.State().Usage
	if u == nil || u.OutputTokens != 40 || u.CostUSD == nil || *u.CostUSD < cost-1e-9 || *u.CostUSD > cost+1e-9 || u.Context == nil || u.Context.Size == 0 {
		t.Errorf("the session used %+v, the turns cost %g", u, cost)
	}
}

// Native frames are kept for sessions that want it, and sent to those who ask.
func TestClaudeRaw(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{Raw: true})
	s.past()
	for _, e := range s.Events {
		if e.Raw != nil {
			t.Fatalf("event %d carries a frame that nobody asked for", e.Seq)
		}
	}
	for _, format := range []protocol.Format{protocol.FormatJSON, protocol.FormatMsgpack} {
		all, err := s.server.Client.Attach(t.Context(), s.Session(), clientlib.AttachOptions{Raw: true, Format: format})
		ok(t, err)
		var raws []string
		for range s.Events {
			e, err := all.Next(t.Context())
			ok(t, err)
			if e.Raw != nil {
				raws = append(raws, string(e.Raw))
			}
		}
		ok(t, all.Close())
		for _, want := range []string{`"type":"stream_event"`, `"type":"result"`, "I keep the word anchor."} {
			if !strings.Contains(strings.Join(raws, "\n"), want) {
				t.Errorf("%s: no native frame holds %s", format, want)
			}
		}
	}
}

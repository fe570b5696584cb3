package acp

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// open opens a session in the home's work folder.
func (r *realAgent) open(t *testing.T, s agents.Start) agents.Conn {
	t.Helper()
	s.SessionID, s.Directory = "s1", r.home.Dir
	conn, err := r.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("cannot open: %v, %+v", err, protocol.AsError(err).Details)
	}
	return conn
}

// finish closes a connection and reads what is left.
func finish(t *testing.T, conn agents.Conn) {
	t.Helper()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	for {
		if _, err := conn.Recv(); err != nil {
			return
		}
	}
}

// runTurn sends a prompt and returns the events to the turn's end. act is called
// with each event and may return a command to send.
func runTurn(t *testing.T, conn agents.Conn, id, text string, act func(protocol.Data) agents.Command) string {
	t.Helper()
	checked, prompt := recordings.Checker(t), say(id, text)
	checked.Sent(prompt)
	if err := conn.Send(t.Context(), prompt); err != nil {
		t.Fatal(err)
	}
	return ndjson(t, until(t, conn, protocol.TypeTurnEnded, func(d protocol.Data) agents.Command {
		checked.See(d)
		if act == nil {
			return nil
		}
		c := act(d)
		checked.Sent(c)
		return c
	}))
}

func until(t *testing.T, conn agents.Conn, last protocol.EventType, act func(protocol.Data) agents.Command) []protocol.Data {
	t.Helper()
	var events []protocol.Data
	for {
		reports, err := conn.Recv()
		if err != nil {
			t.Fatalf("%v after:\n%s", err, ndjson(t, events))
		}
		for _, r := range reports {
			for _, d := range r.Events {
				events = append(events, d)
				if act != nil {
					if c := act(d); c != nil {
						if err := conn.Send(t.Context(), c); err != nil {
							t.Fatal(err)
						}
					}
				}
				if d.EventType() == last {
					return events
				}
			}
		}
	}
}

// choose decides a permission by the first option of a kind.
func choose(want protocol.Decision) func(protocol.Data) agents.Command {
	return func(d protocol.Data) agents.Command {
		p, ok := d.(*protocol.PermissionRequested)
		if !ok {
			return nil
		}
		for _, o := range p.Permission.Options {
			if o.Decision == want {
				return &agents.Decide{PermissionID: p.Permission.PermissionID, Option: o}
			}
		}
		return nil
	}
}

// A turn of text, and what the opening told of the agent.
func TestRealText(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		s := r.on("text", agenttest.Play(agenttest.Think("**Plan**\nlet me see"), agenttest.Say("hello from the model")))
		conn := r.open(t, agents.Start{})
		defer finish(t, conn)
		got := runTurn(t, conn, "m1", s.Marker(), nil)
		want(t, got, `"session.started"`, `"turn.started"`, `"kind":"reasoning"`, `"item.delta"`, `"text":"hello from the model"`, `"outcome":"completed"`)
		if r.Capabilities().Usage {
			want(t, got, `"usage":{`)
		}
		info := r.Info(t.Context())
		if info.Status != "ready" || info.Version == "" || (r.Capabilities().Models && len(info.Models) == 0) || len(info.Modes) == 0 || info.Credentials != r.credentials {
			t.Errorf("info is %+v", info)
		}
	})
}

// Interrupts while text streams, while a permission waits, and while a command
// runs; then the session still works.
func TestRealInterrupt(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		long := r.on("long", agenttest.Play(agenttest.Block{Text: strings.Repeat("more and more ", 20), Hold: true, Chunks: 10}))
		ask := r.on("ask", agenttest.Play(r.execute("mkdir never")))
		run := r.on("run", agenttest.Play(r.execute("mkdir w && tail -f /dev/null")))
		after := r.on("after", agenttest.Play(agenttest.Say("still here")))
		conn := r.open(t, agents.Start{})
		defer finish(t, conn)
		stop := func(kind protocol.EventType) func(protocol.Data) agents.Command {
			return func(d protocol.Data) agents.Command {
				if d.EventType() == kind {
					return &agents.Interrupt{}
				}
				return nil
			}
		}
		got := runTurn(t, conn, "m1", long.Marker(), stop(protocol.TypeItemDelta))
		want(t, got, `"outcome":"interrupted"`, `"status":"interrupted"`)
		got = runTurn(t, conn, "m2", ask.Marker(), stop(protocol.TypePermissionRequested))
		want(t, got, `"permission.resolved"`, `"outcome":"interrupted"`)
		if err := conn.Send(t.Context(), say("m3", run.Marker())); err != nil {
			t.Fatal(err)
		}
		until(t, conn, protocol.TypePermissionRequested, choose(protocol.Allow))
		awaitFile(t, func(path string) bool { return filepath.Base(path) == "w" }, r.home.Dir)
		if err := conn.Send(t.Context(), &agents.Interrupt{}); err != nil {
			t.Fatal(err)
		}
		want(t, ndjson(t, until(t, conn, protocol.TypeTurnEnded, nil)), `"kind":"tool_call","status":"interrupted"`, `"outcome":"interrupted"`)
		want(t, runTurn(t, conn, "m4", after.Marker(), nil), "still here", `"outcome":"completed"`)
	})
}

// awaitFile waits for a file below one of the folders that a test accepts.
func awaitFile(t *testing.T, accept func(path string) bool, dirs ...string) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 1500 {
		found := false
		for _, dir := range dirs {
			_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				found = found || err == nil && accept(path)
				return nil // files come and go while the agent works
			})
		}
		if found {
			return
		}
		<-ticker.C
	}
	t.Fatalf("no such file came in %v", dirs)
}

// holds accepts files with a text in them.
func holds(text string) func(string) bool {
	return func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(b), text)
	}
}

// A killed agent goes on from its session in another process, and its history
// does not come again; one that cannot says that it begins anew.
func TestRealKillAndResume(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		one := r.on("one", agenttest.Play(agenttest.Say("I will remember")))
		two := r.on("two", agenttest.Play(agenttest.Say("you said so")))
		conn := r.open(t, agents.Start{})
		native := ""
		pid := 0
		runTurn(t, conn, "m1", one.Marker(), func(d protocol.Data) agents.Command {
			switch d := d.(type) {
			case *protocol.SessionStarted:
				native = d.NativeSessionID
			case *protocol.AgentStarted:
				pid = d.PID
			}
			return nil
		})
		if r.resumes { // they save some time after the turn
			awaitFile(t, holds("I will remember"), r.home.Home, r.home.Config)
		}
		kill(t, pid)
		until(t, conn, protocol.TypeAgentExited, nil)
		finish(t, conn)
		r.lists(t, native)

		conn = r.open(t, agents.Start{Resume: native})
		defer finish(t, conn)
		got := runTurn(t, conn, "m2", two.Marker(), nil)
		wantNone(t, got, "I will remember")
		want(t, got, "you said so", `"outcome":"completed"`)
		requests := two.Requests()
		if len(requests) == 0 {
			t.Fatal("the model was not asked")
		}
		knows := strings.Contains(string(requests[len(requests)-1].Body), "I will remember")
		if knows != r.resumes || knows != strings.Contains(got, `"resumed":true`) || knows == strings.Contains(got, `"history_lost"`) {
			t.Errorf("the model knows the history: %v; the events are:\n%s", knows, got)
		}
	})
}

// listsSessions are the agents that list their sessions.
var listsSessions = map[string]bool{"qwen": true, "claude-agent-acp": true, "opencode-acp": true, "codex-acp": true, "copilot": true}

// lists lists the agent's sessions of the work folder: the one that it has
// saved is among them.
func (r *realAgent) lists(t *testing.T, native string) {
	t.Helper()
	list, err := r.Sessions(t.Context(), r.home.Dir)
	if !listsSessions[r.Name()] {
		if protocol.CodeOf(err) != protocol.CodeCapabilityMissing {
			t.Errorf("%s lists %+v, %v", r.Name(), list, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list.Sessions, func(s protocol.NativeSession) bool {
		return s.NativeSessionID == native && s.Directory == r.home.Dir
	}) {
		t.Errorf("the session %s is not in %+v", native, list)
	}
}

// An unknown native session begins anew and says so, also with agents that
// would load anything.
func TestRealResumeUnknown(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		s := r.on("text", agenttest.Play(agenttest.Say("hello")))
		conn := r.open(t, agents.Start{Resume: "0a1b2c3d-0000-4000-8000-000000000000"})
		defer finish(t, conn)
		want(t, runTurn(t, conn, "m1", s.Marker(), nil), `"history_lost"`, `"resumed":false`, "hello")
	})
}

func TestRealSettings(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		s := r.on("text", agenttest.Play(agenttest.Say("hello")))
		conn := r.open(t, agents.Start{Mode: r.mode})
		defer finish(t, conn)
		back := r.usual
		if err := conn.Send(t.Context(), &agents.Configure{Mode: &back}); err != nil {
			t.Fatal(err)
		}
		want(t, runTurn(t, conn, "m1", s.Marker(), nil), `"mode":"`+r.mode+`"`, `"mode":"`+r.usual+`"`, "hello")
		unknown := "no such mode"
		if err := conn.Send(t.Context(), &agents.Configure{Mode: &unknown}); protocol.CodeOf(err) != protocol.CodeModeNotSupported {
			t.Errorf("an unknown mode gives %v", err)
		}
		if err := r.Check(agents.Start{Mode: unknown}); protocol.CodeOf(err) != protocol.CodeModeNotSupported {
			t.Errorf("a start with an unknown mode gives %v", err)
		}
	})
}

// The adapter asks Claude's questions as forms.
func TestRealClaudeQuestion(t *testing.T) {
	r := realClaude(t)
	s := r.on("ask", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "ask", Text: "Which colour?", Options: []string{"Red", "Green"}}}), agenttest.Play(agenttest.Say("thanks")))
	conn := r.open(t, agents.Start{SystemPrompt: "Always be terse, says towline."})
	defer finish(t, conn)
	got := runTurn(t, conn, "m1", s.Marker(), func(d protocol.Data) agents.Command {
		if q, ok := d.(*protocol.QuestionRequested); ok {
			return &agents.Answer{QuestionID: q.Question.QuestionID, Answers: [][]string{{"Green"}}}
		}
		return nil
	})
	want(t, got, `"question.requested"`, "Which colour?", `"label":"Red"`, "thanks")
	requests := s.Requests()
	last := requests[len(requests)-1]
	want(t, last.ToolResults[0].Text, "Green")
	want(t, string(last.Body), "Always be terse, says towline.")
}

package opencode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	agenttalk "github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// real is the agent with the real CLI and a scripted model. One server serves
// all sessions of a test, as it does in earnest.
type real struct {
	*Agent
	chat *agenttest.Chat
	home *agenttest.Home
}

func newReal(t *testing.T) *real {
	t.Helper()
	installed.OpenCode(t)
	chat := agenttest.NewChat(t)
	home := agenttest.OpenCodeHome(t, chat.URL())
	a := New(Options{
		Locator: &agents.Locator{Dir: installed.Dir(t)}, Environ: home.Env, StateDir: t.TempDir(),
	})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &real{Agent: a, chat: chat, home: home}
}

// folder makes an empty work folder.
func (r *real) folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.home.Commit(t, dir)
	return dir
}

// talk is one session of a test: its conn, and what it reported.
type talk struct {
	agents.Conn
	t       *testing.T
	reports chan []agents.Report
	events  []protocol.Data
	// at is how far await has looked.
	at      int
	checked *captures.Checker
	native  string
}

// cutShort are the rules that a test breaks which interrupts a turn or kills
// the process.
var cutShort = []captures.Exception{
	{Rule: captures.AsksEndInTurn, Reason: "the session withdraws what an interrupt leaves"},
	{Rule: captures.TurnsEnd, Reason: "the session ends what a process leaves"},
	{Rule: captures.ItemsEnd, Reason: "the session ends what a process leaves"},
	{Rule: captures.AsksEnd, Reason: "the session ends what a process leaves"},
}

// open opens a session and follows it.
func (r *real) open(t *testing.T, s agents.Start) *talk {
	t.Helper()
	conn, err := r.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	k := &talk{Conn: conn, t: t, reports: make(chan []agents.Report, 1024), checked: recordings.Checker(t, cutShort...)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(k.reports)
		for {
			reports, err := conn.Recv()
			if err != nil {
				return
			}
			k.reports <- reports
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	k.native = k.await(protocol.TypeSessionStarted, nil).(*protocol.SessionStarted).NativeSessionID
	return k
}

// await returns the next event of a type that fits; the test fails if none
// comes.
func (k *talk) await(kind protocol.EventType, fits func(protocol.Data) bool) protocol.Data {
	k.t.Helper()
	limit := time.After(60 * time.Second)
	for {
		for k.at < len(k.events) {
			d := k.events[k.at]
			k.at++
			if d.EventType() == kind && (fits == nil || fits(d)) {
				return d
			}
		}
		select {
		case reports, ok := <-k.reports:
			if !ok {
				k.t.Fatalf("the session ended before a %s, after:\n%s", kind, ndjson(k.t, k.events))
			}
			for _, r := range reports {
				for _, d := range r.Events {
					k.events = append(k.events, d)
					k.checked.See(d)
				}
			}
		case <-limit:
			k.t.Fatalf("no %s came, but:\n%s", kind, ndjson(k.t, k.events))
		}
	}
}

// send sends a command.
func (k *talk) send(c agents.Command) {
	k.t.Helper()
	if p, ok := c.(*agents.Prompt); ok {
		p.PromptID = "m1"
	}
	k.checked.Sent(c)
	if err := k.Send(k.t.Context(), c); err != nil {
		k.t.Fatal(err)
	}
}

// say sends a prompt of one text.
func (k *talk) say(text string) {
	k.t.Helper()
	k.send(&agents.Prompt{Content: textContentOf(text)})
}

// ended waits for the end of a turn.
func (k *talk) ended() *protocol.TurnEnded {
	k.t.Helper()
	return k.await(protocol.TypeTurnEnded, nil).(*protocol.TurnEnded)
}

// asked waits for a permission.
func (k *talk) asked() protocol.Permission {
	k.t.Helper()
	return k.await(protocol.TypePermissionRequested, nil).(*protocol.PermissionRequested).Permission
}

// sessionEvents are made by the session, not by an agent.
var sessionEvents = []protocol.EventType{
	protocol.TypePermissionResolved, protocol.TypeQuestionResolved, protocol.TypePromptAccepted, protocol.TypePromptWithdrawn,
	protocol.TypeTurnStarted,
}

// The scenarios that need no session around the agent hold for the real CLI.
func TestRealScenarios(t *testing.T) {
	r := newReal(t)
	chosen := []string{
		"text", "usage", "cost", "reasoning", "image", "file", "tool", "command_output", "edit", "create", "plan", "subagent",
		"ask_allow", "ask_deny", "ask_deny_message", "ask_always", "question",
		"model_wrong_key", "model_bad_request", "model_overloaded", "model_rate_limited", "model_cut",
	}
	for _, s := range agenttest.Scenarios() {
		if !slices.Contains(chosen, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			dir := r.folder(t)
			for name, text := range s.Files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			markers := map[string]string{}
			for name, rounds := range s.Scripts {
				markers[name] = r.chat.On(name, agenttest.InDir(dir, rounds)...).Marker()
			}
			before := len(r.chat.Requests())
			k := r.open(t, agents.Start{SessionID: s.Name, Directory: dir})
			for _, step := range s.Steps {
				k.step(s, step, markers)
			}
			agenttalk.Fits(t, s, k.events, sessionEvents)
			checkModel(t, s, r.chat.Requests()[before:])
			checkFiles(t, s, dir)
		})
	}
}

// step plays one step of the client.
func (k *talk) step(s agenttest.Scenario, step agenttest.Step, markers map[string]string) {
	k.t.Helper()
	switch step.Kind {
	case agenttest.StepPrompt:
		content := textContentOf(step.Text + markers[step.Script])
		for _, p := range step.Attach {
			content = append(content, agents.Content{Part: p, Bytes: p.Data})
		}
		k.send(&agents.Prompt{Content: content})
	case agenttest.StepAwait:
		k.awaitWant(step.Await, s.Allow)
	case agenttest.StepDecide:
		k.decide(step)
	case agenttest.StepAnswer:
		q := k.last(protocol.TypeQuestionRequested).(*protocol.QuestionRequested).Question
		k.send(&agents.Answer{QuestionID: q.QuestionID, Answers: step.Answers})
	default:
		k.t.Fatalf("the step %s wants a session", step.Kind)
	}
}

// awaitWant waits for an event that fits, and allows what is asked for if it
// shall.
func (k *talk) awaitWant(w agenttest.Want, allow bool) {
	k.t.Helper()
	for {
		found := false
		d := k.awaitAny(func(d protocol.Data) bool {
			data, err := json.Marshal(d)
			if err != nil {
				k.t.Fatal(err)
			}
			found = w.Fits(d.EventType(), data)
			return found || allow && d.EventType() == protocol.TypePermissionRequested
		})
		if p, ok := d.(*protocol.PermissionRequested); ok && allow {
			k.send(&agents.Decide{PermissionID: p.Permission.PermissionID, Option: p.Permission.Options[0]})
		}
		if found {
			return
		}
	}
}

// awaitAny is await for events of any type.
func (k *talk) awaitAny(fits func(protocol.Data) bool) protocol.Data {
	k.t.Helper()
	for {
		for k.at < len(k.events) {
			k.at++
			if fits(k.events[k.at-1]) {
				return k.events[k.at-1]
			}
		}
		n := len(k.events)
		select {
		case reports, ok := <-k.reports:
			if !ok {
				k.t.Fatalf("the session ended, after:\n%s", ndjson(k.t, k.events))
			}
			for _, r := range reports {
				for _, d := range r.Events {
					k.events = append(k.events, d)
					k.checked.See(d)
				}
			}
		case <-time.After(60 * time.Second):
			k.t.Fatalf("what is awaited did not come after %d events:\n%s", n, ndjson(k.t, k.events))
		}
	}
}

// last returns the newest event of a type.
func (k *talk) last(kind protocol.EventType) protocol.Data {
	k.t.Helper()
	for _, d := range slices.Backward(k.events) {
		if d.EventType() == kind {
			return d
		}
	}
	k.t.Fatalf("there was no %s", kind)
	return nil
}

// decide plays a decision.
func (k *talk) decide(step agenttest.Step) {
	k.t.Helper()
	p := k.last(protocol.TypePermissionRequested).(*protocol.PermissionRequested).Permission
	scope := step.Scope
	if scope == "" {
		scope = protocol.ScopeOnce
	}
	for _, o := range p.Options {
		if o.Decision == step.Decision && o.Scope == scope {
			k.send(&agents.Decide{PermissionID: p.PermissionID, Option: o, Message: step.Message})
			return
		}
	}
	k.t.Fatalf("permission %+v has no option for %s %s", p, step.Decision, scope)
}

// checkModel checks what the model saw.
func checkModel(t *testing.T, s agenttest.Scenario, requests []*agenttest.Request) {
	t.Helper()
	var seen strings.Builder
	for _, r := range requests {
		seen.Write(r.Body)
	}
	for _, text := range s.ModelSaw {
		if !strings.Contains(seen.String(), text) {
			t.Errorf("the model did not see %q", text)
		}
	}
	for _, text := range s.ModelNever {
		if strings.Contains(seen.String(), text) {
			t.Errorf("the model saw %q", text)
		}
	}
}

// checkFiles checks what became of the folder.
func checkFiles(t *testing.T, s agenttest.Scenario, dir string) {
	t.Helper()
	for name, want := range s.After {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if want == "" && err == nil || want != "" && string(b) != want {
			t.Errorf("%s holds %q (%v), want %q", name, b, err, want)
		}
	}
}

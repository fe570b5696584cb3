package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/e2e"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/protocol"
)

// claudeAdapter runs the real Claude Code CLI.
var claudeAdapter = e2e.Adapter{
	Name:  "claude",
	About: "Claude Code " + agents.ClaudeVersion + ", over its stream-json protocol",
	New:   func() agents.Agent { return claude.New(claude.Options{}) },
	Place: func(t testing.TB) *e2e.Place {
		p, _ := claudePlace(t)
		return p
	},
	Elsewhere: map[string]string{"mcp": "TestClaudeMCP"},
}

// TestClaudeConformance proves what the agent claims.
func TestClaudeConformance(t *testing.T) { e2e.Run(t, claudeAdapter) }

// clis bounds how many CLIs run at a time: each takes a core to start.
var clis = make(chan struct{}, 2)

// claudePlace makes a place for the CLI, with a home and a model of its own.
func claudePlace(t testing.TB) (*e2e.Place, *agenttest.Messages) {
	t.Helper()
	path, home, m := claudeHome(t)
	return &e2e.Place{
		Agent: claude.New(claude.Options{
			Locator: &agents.Locator{Flags: map[string]string{"claude": path}},
			Environ: home.Env, StateDir: t.TempDir(),
		}),
		Model: m, Dir: home.Dir, Env: todoEnv,
	}, m
}

// todoEnv keeps TodoWrite, which the newer to-do tools would take the place of.
var todoEnv = map[string]string{"CLAUDE_CODE_ENABLE_TASKS": "0"}

// claudeHome returns the CLI, a home for it and the model that it speaks to,
// when it is this test's turn.
func claudeHome(t testing.TB) (path string, home *agenttest.Home, m *agenttest.Messages) {
	t.Helper()
	if testing.Short() {
		t.Skip("drives the real Claude Code")
	}
	path = installed.Claude(t)
	clis <- struct{}{}
	t.Cleanup(func() { <-clis })
	m = agenttest.NewMessages(t)
	return path, agenttest.NewHome(t, m.URL()), m
}

// talk is a session with Claude Code as one client sees it.
type talk struct {
	*e2e.Recorder
	t      *testing.T
	server *e2e.Server
	place  *e2e.Place
	model  *agenttest.Messages
}

// startTalk makes a session of its own server.
func startTalk(t *testing.T, req protocol.SessionCreate) *talk {
	t.Helper()
	p, m := claudePlace(t)
	s := e2e.Serve(t, p.Agent)
	return &talk{t: t, server: s, place: p, model: m, Recorder: e2e.Record(t, s.Client, s.Create(p, req), protocol.FormatJSON)}
}

// script registers rounds and returns the text that asks for them.
func (c *talk) script(name string, rounds ...agenttest.Round) string {
	return "Do as scripted. " + c.model.On(name, agenttest.InDir(c.place.Dir, rounds)...).Marker()
}

// say sends a prompt.
func (c *talk) say(text string, delivery protocol.Delivery) protocol.PromptResult {
	c.t.Helper()
	r, err := c.Prompt(c.t.Context(), protocol.Prompt{Text: text, Delivery: delivery})
	ok(c.t, err)
	return r
}

// ended waits for the end of a turn.
func (c *talk) ended(outcome protocol.Outcome) *protocol.TurnEnded {
	c.t.Helper()
	e := c.Await(agenttest.Want{Type: protocol.TypeTurnEnded})
	d, is := e.Data.(*protocol.TurnEnded)
	if !is || d.Outcome != outcome {
		c.t.Fatalf("the turn ended with %+v, want %s", e.Data, outcome)
	}
	return d
}

// asked waits for a permission.
func (c *talk) asked() protocol.Permission {
	c.t.Helper()
	e := c.Await(agenttest.Want{Type: protocol.TypePermissionRequested})
	return e.Data.(*protocol.PermissionRequested).Permission
}

// decide takes the option of that id.
func (c *talk) decide(p protocol.Permission, option string) {
	c.t.Helper()
	_, err := c.Decide(c.t.Context(), protocol.PermissionDecide{PermissionID: p.PermissionID, OptionID: option})
	ok(c.t, err)
}

// count is how many events of a type came so far.
func (c *talk) count(kind protocol.EventType) int {
	n := 0
	for _, e := range c.Events {
		if e.Data.EventType() == kind {
			n++
		}
	}
	return n
}

// lastRequest is the newest request to the model that a script answered.
func (c *talk) lastRequest(script string) *agenttest.Request {
	c.t.Helper()
	return lastRequest(c.t, c.model, script)
}

// lastRequest is the newest request to a model that a script answered.
func lastRequest(t *testing.T, m *agenttest.Messages, script string) *agenttest.Request {
	t.Helper()
	for _, r := range slices.Backward(m.Requests()) {
		if r.Script == script && strings.HasSuffix(r.Path, "/messages") {
			return r
		}
	}
	t.Fatalf("the model got no request for the script %s", script)
	return nil
}

// mentions fails the test if a request lacks a text.
func mentions(t *testing.T, r *agenttest.Request, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(string(r.Body), text) {
			t.Errorf("the model's request lacks %q", text)
		}
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

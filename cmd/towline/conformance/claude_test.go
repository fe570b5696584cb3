package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// talk is a session with Claude Code as one client sees it.
type talk struct {
	*conformance.Recorder
	t      *testing.T
	server *conformance.Server
	place  *conformance.Place
	model  conformance.Model
}

// startTalk makes a session of its own server.
func startTalk(t *testing.T, req protocol.SessionCreate) *talk {
	t.Helper()
	p := place(t, "claude")
	s := conformance.Serve(t, p.Agent)
	return &talk{t: t, server: s, place: p, model: p.Model, Recorder: conformance.Record(t, s.Client, s.Create(p, req), protocol.FormatJSON)}
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
func lastRequest(t *testing.T, m conformance.Model, script string) *agenttest.Request {
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

// fields are the values of an event that are wanted.
type fields = map[string]string

// want is an event that is wanted.
func want(kind protocol.EventType, has fields) agenttest.Want {
	return agenttest.Want{Type: kind, Has: has}
}

// said is a whole message that holds the text.
func said(text string) agenttest.Want {
	return want(protocol.TypeItemCompleted, fields{"item.kind": "message", "item.content.*.text": "~" + text})
}

package conformance

import (
	"encoding/json"
	"net/http"
	"syscall"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// driver plays a scenario as a client of a session.
type driver struct {
	t        agenttest.T
	server   *Server
	place    *Place
	scenario *agenttest.Scenario
	format   protocol.Format
	scripts  map[string]*agenttest.Script
	// beside is the agent's process of the session that was left for another
	// one beside it; 0 for none.
	beside int
	*Recorder
}

// drive makes a session for a scenario and attaches to it. The model's scripts
// are registered.
func drive(t agenttest.T, server *Server, p *Place, s *agenttest.Scenario, format protocol.Format) *driver {
	t.Helper()
	d := &driver{t: t, server: server, place: p, scenario: s, format: format, scripts: map[string]*agenttest.Script{}}
	for name, rounds := range s.Scripts {
		d.scripts[name] = p.Model.On(name, agenttest.InDir(p.Dir, rounds)...)
	}
	d.begin()
	return d
}

// begin makes a session as the scenario wants it, and attaches to it.
func (d *driver) begin() {
	d.t.Helper()
	var req protocol.SessionCreate
	if d.scenario.PlanMode {
		req.Mode = "plan"
	}
	if d.scenario.Sums {
		req.MCP = sums(d.t)
	}
	d.attach(d.server.Create(d.place, req))
}

// attach makes a session the one that steps are about.
func (d *driver) attach(session string) {
	d.t.Helper()
	d.Recorder = Record(d.t, d.server.Client, session, d.format)
	if !d.scenario.Allow {
		return
	}
	r := d.Recorder
	r.OnEvent = func(e protocol.Event) {
		if asked, is := e.Data.(*protocol.PermissionRequested); is {
			_, err := r.Decide(d.t.Context(), protocol.PermissionDecide{PermissionID: asked.Permission.PermissionID, Decision: protocol.Allow})
			ok(d.t, err)
		}
	}
}

// step takes one step.
func (d *driver) step(s *agenttest.Step) {
	d.t.Helper()
	ctx := d.t.Context()
	switch s.Kind {
	case agenttest.StepPrompt:
		_, err := d.Prompt(ctx, d.prompt(s))
		ok(d.t, err)
	case agenttest.StepAwait:
		d.Await(s.Await)
	case agenttest.StepAwaitHeld:
		d.AwaitHeld(d.scripts[s.Script])
	case agenttest.StepAwaitAborted:
		d.scripts[s.Script].WaitAborted(d.t)
	case agenttest.StepRelease:
		d.scripts[s.Script].Release()
	case agenttest.StepDecide:
		_, err := d.Decide(ctx, d.decision(s))
		ok(d.t, err)
	case agenttest.StepAnswer:
		ok(d.t, d.Answer(ctx, last[*protocol.QuestionRequested](d.Recorder).Question.QuestionID, s.Answers))
	case agenttest.StepInterrupt:
		ok(d.t, d.Interrupt(ctx))
	case agenttest.StepKill:
		started := d.Await(agenttest.Want{Type: protocol.TypeAgentStarted, Has: map[string]string{"pid": "?"}})
		ok(d.t, syscall.Kill(started.Data.(*protocol.AgentStarted).PID, syscall.SIGKILL))
	case agenttest.StepFork:
		d.fork()
	case agenttest.StepBeside:
		d.beside = last[*protocol.AgentStarted](d.Recorder).PID
		d.begin()
	case agenttest.StepOneProcess:
		if pid := last[*protocol.AgentStarted](d.Recorder).PID; pid != d.beside || pid == 0 {
			d.t.Errorf("the session's agent is the process %d, and that of the session beside it %d", pid, d.beside)
		}
	case agenttest.StepModel, agenttest.StepMode:
		ok(d.t, d.Configure(ctx, d.change(s.Kind)))
	default:
		d.t.Fatalf("there is no step %q", s.Kind)
	}
}

// prompt is what a step prompts.
func (d *driver) prompt(s *agenttest.Step) protocol.Prompt {
	text := s.Text
	if s.Script != "" {
		text += " " + d.scripts[s.Script].Marker()
	}
	return protocol.Prompt{Content: append([]protocol.Part{protocol.TextPart(text)}, s.Attach...), Delivery: s.Delivery}
}

// decision is what a step decides.
func (d *driver) decision(s *agenttest.Step) protocol.PermissionDecide {
	d.t.Helper()
	p := last[*protocol.PermissionRequested](d.Recorder).Permission
	decide := protocol.PermissionDecide{
		PermissionID: p.PermissionID, Decision: s.Decision, Scope: s.Scope, Message: s.Message, InputSHA256: p.InputSHA256,
	}
	if s.Command != "" {
		var input map[string]any
		ok(d.t, json.Unmarshal(p.Tool.Input, &input))
		input["command"] = s.Command
		edited, err := json.Marshal(input)
		ok(d.t, err)
		decide.Input = edited
	}
	return decide
}

// fork goes on with a copy of the session.
func (d *driver) fork() {
	d.t.Helper()
	copied, err := d.server.Client.Fork(d.t.Context(), d.Session(), protocol.SessionCreate{})
	ok(d.t, err)
	if copied.ForkedOf != d.Session() {
		d.t.Errorf("the copy says that it is one of %q", copied.ForkedOf)
	}
	d.attach(copied.ID)
}

// change is the change to the agent's second model, or mode.
func (d *driver) change(kind agenttest.StepKind) protocol.SessionConfigure {
	d.t.Helper()
	change, found := second(d.place.Agent.Info(d.t.Context()), kind)
	if !found {
		learn(d.t, d.place)
		change, found = second(d.place.Agent.Info(d.t.Context()), kind)
	}
	if !found {
		d.t.Fatalf("the agent lists no second %s", kind)
	}
	return change
}

// second is the change to the second of what an agent lists, and whether it
// lists so many.
func second(info protocol.AgentInfo, kind agenttest.StepKind) (protocol.SessionConfigure, bool) {
	switch {
	case kind == agenttest.StepModel && len(info.Models) > 1:
		return protocol.SessionConfigure{Model: &info.Models[1].ID}, true
	case kind == agenttest.StepMode && len(info.Modes) > 1:
		return protocol.SessionConfigure{Mode: &info.Modes[1].ID}, true
	case kind == agenttest.StepMode && len(info.Permission) > 1:
		return protocol.SessionConfigure{PermissionMode: &info.Permission[1].ID}, true
	}
	return protocol.SessionConfigure{}, false
}

// learn opens a session of the agent and closes it: some tell what there is to
// choose from in their first.
func learn(t agenttest.T, p *Place) {
	t.Helper()
	conn, err := p.Agent.Open(t.Context(), agents.Start{SessionID: "first", Directory: p.Dir, Env: p.Env})
	ok(t, err)
	ok(t, conn.Close())
}

// modelSaw tells whether a request to the model held the text.
func modelSaw(m Model, text string) bool {
	for _, r := range m.Requests() {
		if r.Method == http.MethodPost && contains(r.Body, text) {
			return true
		}
	}
	return false
}

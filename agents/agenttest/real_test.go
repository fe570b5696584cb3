package agenttest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
)

func TestRealClaudeText(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("hello", agenttest.Play(agenttest.Think("A greeting."), agenttest.Say("Hello from the script.")))
	c := startCLI(t, m)
	c.prompt("Greet me. " + s.Marker())
	var text, thinking string
	f := c.until("a result", func(f frame) bool {
		text += f.Event.Delta.Text
		thinking += f.Event.Delta.Thinking
		return f.Type == "result"
	})
	if f.Result != "Hello from the script." || f.IsError || text != f.Result || thinking != "A greeting." {
		t.Errorf("result %+v, streamed text %q, thinking %q", f, text, thinking)
	}
	requests := s.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	r := requests[0]
	if !r.Stream || r.Model == "" || r.Conversation == "" || r.Header.Get("X-Api-Key") != "fake-key" || !strings.Contains(r.UserText, "Greet me.") {
		t.Errorf("request %+v", r)
	}

	c.prompt("Nothing scripted.")
	if f := c.result(); !strings.Contains(f.Result, "has no round 1") {
		t.Errorf("a prompt without a script was answered with %q", f.Result)
	}
}

func TestRealClaudeTool(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("tool",
		agenttest.Play(agenttest.Say("I will look."), agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "touch made && echo wrote $((40+2))"}}),
		agenttest.Play(agenttest.Say("It says 42.")),
	)
	c := startCLI(t, m)
	c.prompt("Run it. " + s.Marker())
	ask := c.until("a permission", isAsk)
	if ask.Request.Tool != "Bash" || !strings.Contains(string(ask.Request.Input), "touch made") {
		t.Errorf("asked for %s %s", ask.Request.Tool, ask.Request.Input)
	}
	c.allow(ask)
	if f := c.result(); f.Result != "It says 42." {
		t.Errorf("result %+v", f)
	}
	requests := s.Requests()
	last := requests[len(requests)-1]
	if last.Round != 1 || len(last.ToolResults) != 1 || !strings.Contains(last.ToolResults[0].Text, "wrote 42") || last.ToolResults[0].Error {
		t.Errorf("last request: round %d, results %+v", last.Round, last.ToolResults)
	}
}

// Two tools in one message are two results and one round.
func TestRealClaudeParallelTools(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("two",
		agenttest.Play(
			agenttest.Use("Bash", map[string]string{"command": "touch a; echo first"}),
			agenttest.Use("Bash", map[string]string{"command": "touch b; echo second"}),
		),
		agenttest.Play(agenttest.Say("Both.")),
	)
	c := startCLI(t, m)
	c.prompt(s.Marker())
	c.allow(c.until("a permission", isAsk))
	c.allow(c.until("another permission", isAsk))
	if f := c.result(); f.Result != "Both." {
		t.Errorf("result %+v", f)
	}
}

func TestRealClaudeInterrupt(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("slow", agenttest.Play(agenttest.Block{Text: "One, two, three and so on.", Chunks: 5, Hold: true}))
	next := m.On("next", agenttest.Play(agenttest.Say("Going on.")))
	c := startCLI(t, m)
	c.prompt("Count. " + s.Marker())
	s.WaitHeld(t)
	c.until("a delta", func(f frame) bool { return f.Event.Delta.Text != "" })
	c.send(map[string]any{"type": "control_request", "request_id": "r1", "request": map[string]any{"subtype": "interrupt"}})
	if f := c.result(); !strings.HasPrefix(f.Reason, "aborted_") {
		t.Errorf("result %+v", f)
	}
	s.WaitAborted(t)
	c.prompt("Go on. " + next.Marker())
	if f := c.result(); f.Result != "Going on." {
		t.Errorf("after an interrupt: %+v", f)
	}
}

func TestRealClaudeFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fail   agenttest.Failure
		result string
		failed bool
	}{
		{"overloaded once", agenttest.Failure{Status: 529, Times: 1}, "Well.", false},
		{"overloaded always", agenttest.Failure{Status: 529}, "", true},
		{"wrong key", agenttest.Failure{Status: http.StatusUnauthorized}, "", true},
		{"bad request", agenttest.Failure{Status: http.StatusBadRequest}, "", true},
		{"cut once", agenttest.Failure{Cut: true, Times: 1}, "Well.", false},
		{"limit with a time", agenttest.Failure{Status: http.StatusTooManyRequests, RetryAfter: time.Second, Times: 1}, "Well.", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := agenttest.NewMessages(t)
			s := m.On("fail", agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("Well.")}, Fail: &c.fail})
			cli := startCLI(t, m)
			cli.prompt(s.Marker())
			f := cli.result()
			if f.IsError != c.failed || c.result != "" && f.Result != c.result || c.failed && f.Status != c.fail.Status {
				t.Errorf("result %+v", f)
			}
			if n := len(s.Requests()); n < 2 && c.fail.Times > 0 {
				t.Errorf("%d requests; want a retry", n)
			}
		})
	}
}

// After an error inside the stream the CLI keeps what blocks are whole and asks
// to go on; when there are none it asks again without a stream.
func TestRealClaudeErrorInStream(t *testing.T) {
	t.Parallel()
	half := agenttest.Failure{Status: 529, InStream: true}
	for _, c := range []struct {
		name   string
		blocks []agenttest.Block
		result string
		rounds []int
	}{
		{"a whole block", []agenttest.Block{agenttest.Say("The first half"), agenttest.Say("lost")}, "and the second.", []int{0, 1}},
		{"no whole block", []agenttest.Block{agenttest.Say("All at once.")}, "All at once.", []int{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := agenttest.NewMessages(t)
			s := m.On("half", agenttest.Round{Blocks: c.blocks, Fail: &half}, agenttest.Play(agenttest.Say("and the second.")))
			cli := startCLI(t, m)
			cli.prompt(s.Marker())
			f := cli.result()
			var rounds []int
			for _, r := range s.Requests() {
				rounds = append(rounds, r.Round)
			}
			if f.IsError || f.Result != c.result || !slices.Equal(rounds, c.rounds) {
				t.Errorf("result %+v after the rounds %v", f, rounds)
			}
		})
	}
}

// Subagents are routed by their own prompt, whatever the main one does.
func TestRealClaudeSubagent(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	sub := m.On("sub", agenttest.Play(agenttest.Say("The subagent's report.")))
	main := m.On("main",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Report. " + sub.Marker()}}),
		agenttest.Play(agenttest.Say("All done.")),
	)
	c := startCLI(t, m)
	c.prompt(main.Marker())
	f := c.until("a result", func(f frame) bool {
		if isAsk(f) {
			c.allow(f)
		}
		return f.Type == "result" && f.Result == "All done."
	})
	requests := main.Requests()
	results := requests[len(requests)-1].ToolResults
	if f.IsError || len(results) != 1 || !strings.Contains(results[0].Text, "The subagent's report.") {
		t.Errorf("result %+v; the main agent heard %+v", f, results)
	}
}

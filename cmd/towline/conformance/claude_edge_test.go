package conformance_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/claude"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// pipe makes a named pipe in the work folder, through which commands and the
// test speak.
func (c *talk) pipe(name string) *os.File {
	c.t.Helper()
	path := filepath.Join(c.place.Dir, name)
	ok(c.t, syscall.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	ok(c.t, err)
	c.t.Cleanup(func() { _ = f.Close() })
	return f
}

// runs lets the model run a command that tells its process id, and returns it
// once the command runs.
func (c *talk) runs() int {
	c.t.Helper()
	told := c.pipe("told")
	ok(c.t, told.SetReadDeadline(time.Now().Add(time.Minute)))
	c.say(c.script("run", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "echo $$ >told; exec sleep 600"}})), "")
	c.decide(c.asked(), "allow")
	line, err := bufio.NewReader(told).ReadString('\n')
	ok(c.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	ok(c.t, err)
	return pid
}

// An interrupt ends the command that runs, too.
func TestClaudeInterruptRunningCommand(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	pid := s.runs()
	ok(t, s.Interrupt(t.Context()))
	s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.tool.kind": "execute", "item.status": "interrupted"}})
	s.ended(protocol.OutcomeInterrupted)
	s.past()
	if lives(pid) {
		t.Errorf("the command %d runs on", pid)
	}
}

// The end of a session ends the turn, the agent and its commands.
func TestClaudeEndInTurn(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	pid := s.runs()
	ok(t, s.End(t.Context()))
	s.Await(agenttest.Want{Type: protocol.TypeTurnEnded})
	s.Await(agenttest.Want{Type: protocol.TypeAgentExited})
	s.Await(agenttest.Want{Type: protocol.TypeSessionEnded, Has: map[string]string{"by": "client"}})
	if agent := s.agentPID(); lives(pid) || lives(agent) {
		t.Errorf("after the end the command %d lives: %v, the agent %d: %v", pid, lives(pid), agent, lives(agent))
	}
	if _, err := s.Prompt(t.Context(), protocol.Prompt{Text: "Still there?"}); err == nil {
		t.Error("a session that ended took a prompt")
	}
}

// An interrupt right after the prompt, while the agent still starts, stops that
// turn and no other.
func TestClaudeInterruptAtOnce(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	s.say(s.script("never", agenttest.Play(agenttest.Block{Text: "Too late to stop.", Hold: true})), "")
	ok(t, s.Interrupt(t.Context()))
	s.ended(protocol.OutcomeInterrupted)
	s.past()
}

// When a command in the background ends the agent begins a turn by itself.
func TestClaudeBackgroundCommand(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	gate := s.pipe("go")
	s.say(s.script("background",
		agenttest.Play(agenttest.Use("Bash", map[string]any{"command": "touch ran; head -n 1 go", "run_in_background": true})),
		agenttest.Play(agenttest.Say("It runs.")), agenttest.Play(agenttest.Say("It has ended.")),
	), "")
	s.decide(s.asked(), "allow")
	s.ended(protocol.OutcomeCompleted)
	_, err := gate.WriteString("now\n")
	ok(t, err)
	s.Await(agenttest.Want{Type: protocol.TypeTurnStarted, Has: map[string]string{"origin": "agent"}})
	s.ended(protocol.OutcomeCompleted)
}

// What a subagent asks for names the call inside the task.
func TestClaudeSubagentAsks(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	sub := s.model.On("sub",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "touch inside"}}), agenttest.Play(agenttest.Say("Denied.")))
	s.say(s.script("main",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Try. " + sub.Marker()}}), agenttest.Play(agenttest.Say("All done."))), "")
	p := s.asked()
	parents := map[string]string{}
	for _, e := range s.Events {
		if d, is := e.Data.(*protocol.ItemStarted); is {
			parents[d.Item.ID] = d.Item.ParentID
		}
	}
	if parents[p.ItemID] == "" {
		t.Errorf("the permission is about %q of the items %v", p.ItemID, parents)
	}
	s.decide(p, "deny")
	s.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.id": p.ItemID, "item.status": "declined"}})
	s.ended(protocol.OutcomeCompleted)
}

// An agent that cannot start fails the turn in one sentence, never by a hang,
// and the session takes the next prompt.
func TestClaudeCannotStart(t *testing.T) {
	t.Parallel()
	script := func(text string) func(t *testing.T) string {
		return func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "claude")
			ok(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
			return path
		}
	}
	version := `case "$1" in --version) echo "1.0.0 (Claude Code)"; exit;; esac; `
	for _, c := range []struct {
		name, says string
		path       func(t *testing.T) string
		code       protocol.Code
	}{
		{"missing", "", func(t *testing.T) string { return filepath.Join(t.TempDir(), "claude") }, protocol.CodeAgentNotInstalled},
		{"too old", "unknown option", script(version + `echo "error: unknown option '--permission-prompt-tool'" >&2; exit 1`), protocol.CodeAgentStartFailed},
		{"no protocol", "", script(version + `echo hello; exit 0`), protocol.CodeAgentStartFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &conformance.Place{Dir: t.TempDir(), Agent: claude.New(claude.Options{
				Locator: &agents.Locator{Flags: map[string]string{"claude": c.path(t)}}, Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} },
			})}
			server := conformance.Serve(t, p.Agent)
			s := &talk{t: t, server: server, place: p, Recorder: conformance.Record(t, server.Client, server.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)}
			s.Check.Unparsed = true
			for range 2 {
				s.say("Hello?", "")
				e := s.ended(protocol.OutcomeFailed)
				if e.Error == nil || e.Error.Code != string(c.code) || !strings.Contains(e.Error.Message, c.says) {
					t.Errorf("the turn failed with %+v, want %s", e.Error, c.code)
				}
			}
		})
	}
}

// Two commands of one message are asked for and completed each on its own, in
// whatever order they are decided.
func TestClaudeParallelTools(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{})
	run := func(name string) agenttest.Block {
		return agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "touch " + name + "; echo out-" + name}}
	}
	s.say(s.script("two", agenttest.Play(agenttest.Say("Both."), run("first"), run("second")), agenttest.Play(agenttest.Say("Done."))), "")
	s.decide(s.asked(), "deny")
	s.decide(s.asked(), "allow")
	s.ended(protocol.OutcomeCompleted)
	ends := map[protocol.ItemStatus]string{}
	for _, e := range s.Events {
		if d, is := e.Data.(*protocol.ItemCompleted); is && d.Item.Kind == protocol.KindToolCall {
			ends[d.Item.Status] += string(d.Item.Tool.Input) + d.Item.Content[0].Output
		}
	}
	if len(ends) != 2 || !strings.Contains(ends[protocol.ItemDone], "out-second\"") || !strings.HasSuffix(ends[protocol.ItemDone], "out-second") ||
		!strings.Contains(ends[protocol.ItemDeclined], "touch first") {
		t.Errorf("the commands ended as %v", ends)
	}
}

// When the model's stream breaks, what clients have seen of a block that will
// not be completed stands as interrupted, and nothing is said twice.
func TestClaudeBrokenStream(t *testing.T) {
	t.Parallel()
	half := agenttest.Failure{Status: 529, InStream: true}
	for _, c := range []struct {
		name   string
		blocks []agenttest.Block
		want   []string // kind, status and text of each item
	}{
		{"after a whole block", []agenttest.Block{agenttest.Say("The first half."), agenttest.Say("Lost.")}, []string{
			"message completed The first half.", "message interrupted Lost.", "message completed And the second half.",
		}},
		{"in the first block", []agenttest.Block{agenttest.Say("All at once.")}, []string{
			"message interrupted All at once.", "message completed All at once.",
		}},
		{"in a tool's input", []agenttest.Block{agenttest.Say("Look:"), {Do: &agenttest.Do{Kind: "execute", Command: "touch never"}}}, []string{
			"message completed Look:", "tool_call interrupted ", "message completed And the second half.",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startTalk(t, protocol.SessionCreate{})
			s.say(s.script("broken", agenttest.Round{Blocks: c.blocks, Fail: &half}, agenttest.Play(agenttest.Say("And the second half."))), "")
			s.ended(protocol.OutcomeCompleted)
			var got []string
			for _, e := range s.Events {
				if d, is := e.Data.(*protocol.ItemCompleted); is {
					text := ""
					for _, p := range d.Item.Content {
						text += p.Text
					}
					got = append(got, string(d.Item.Kind)+" "+string(d.Item.Status)+" "+text)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the items are %q, want %q", got, c.want)
			}
		})
	}
}

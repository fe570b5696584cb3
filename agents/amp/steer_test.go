package amp

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The last words of a process, and an answer that ends a turn.
const (
	cancelledFrame = `{"type":"result","subtype":"error_during_execution","is_error":true,"error":"User cancelled (SIGINT/SIGTERM)"}`
	overloadFrame  = `{"type":"result","subtype":"error_during_execution","is_error":true,"error":"Model Provider Overloaded"}`
	successFrame   = `{"type":"result","subtype":"success","is_error":false}`
	answerFrame    = `{"type":"assistant","message":{"content":[{"type":"text","text":"an answer"}],"stop_reason":"end_turn"},"parent_tool_use_id":null}`
)

// steer is a prompt into the open turn, whose text is its id too.
func steer(text string) *agents.Prompt {
	p := prompt(text)
	p.Steer = true
	return p
}

// give lets a translator take commands.
func give(t *testing.T, tr *translator, commands ...agents.Command) {
	t.Helper()
	for _, c := range commands {
		if _, err := tr.Command(c); err != nil {
			t.Fatal(err)
		}
	}
}

// exit ends the process at hand, and returns what that led to.
func exit(tr *translator) []protocol.Data {
	var o output
	tr.exited(&protocol.AgentExited{}, &o)
	return o.Events
}

// lives counts what becomes of turns and of prompts that were dropped, in one
// line.
func lives(events []protocol.Data) string {
	var told []string
	for _, d := range events {
		switch d := d.(type) {
		case *protocol.TurnStarted:
			told = append(told, "start "+strings.Join(d.PromptIDs, " "))
		case *protocol.TurnEnded:
			told = append(told, string(d.Outcome))
		case *protocol.ErrorEvent:
			told = append(told, d.Code+" "+string(d.Details))
		case *protocol.AgentExited:
			told = append(told, "exit")
		}
	}
	return strings.Join(told, ", ")
}

// A steer that no process has read is told as dropped, once, whatever ended
// the process; and the exit that follows tells of no other turn.
func TestSection4SteerThatWasNotRead(t *testing.T) {
	const dropped = `prompt_dropped {"prompt_id":"m3"}`
	for name, c := range map[string]struct {
		commands []agents.Command
		frames   []string
		last     string
	}{
		"interrupt":              {[]agents.Command{steer("m3"), &agents.Interrupt{}}, []string{cancelledFrame}, dropped + ", interrupted"},
		"interrupt, then steer":  {[]agents.Command{&agents.Interrupt{}, steer("m3")}, []string{cancelledFrame}, dropped + ", interrupted"},
		"interrupt, not a word":  {[]agents.Command{steer("m3"), &agents.Interrupt{}}, nil, dropped + ", interrupted"},
		"model error":            {[]agents.Command{steer("m3")}, []string{overloadFrame}, dropped + ", failed"},
		"end of input":           {[]agents.Command{steer("m3")}, []string{successFrame}, dropped + ", interrupted"},
		"death":                  {[]agents.Command{steer("m3")}, nil, dropped + ", exit"},
		"two":                    {[]agents.Command{steer("m3"), steer("m3b")}, []string{overloadFrame}, dropped + `, prompt_dropped {"prompt_id":"m3b"}, failed`},
		"one of two was read":    {[]agents.Command{steer("m2b"), steer("m3")}, []string{echoOf("m2b"), overloadFrame}, dropped + ", failed"},
		"between the turns":      {[]agents.Command{steer("m3")}, []string{echoOf("m3"), answerFrame, overloadFrame}, "completed, model_error "},
		"twice by the last word": {[]agents.Command{steer("m3")}, []string{overloadFrame, overloadFrame}, dropped + ", failed"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			give(t, tr, c.commands...)
			events := native(tr, c.frames...)
			atExit := exit(tr)
			if got := lives(append(events, atExit...)); got != c.last {
				t.Errorf("the end tells %s, want %s", got, c.last)
			}
			if said := len(c.frames) > 0; said && len(atExit) > 0 {
				t.Errorf("the exit tells %s after the last word", lives(atExit))
			}
			tr.over = false // as when the next process starts
			give(t, tr, prompt("m4"))
			if got := lives(native(tr, initFrame, echoOf("m4"), answerFrame)); got != "start m4, completed" {
				t.Errorf("the next prompt's turn is %s", got)
			}
		})
	}
}

// A steer that comes when the answer is being finished is read after it: both
// answers are of the turn that it joined, so that its own answer cannot end
// the turn of another prompt.
func TestSection4SteerReadAfterTheAnswer(t *testing.T) {
	tr := opened(t)
	give(t, tr, steer("m3"))
	if got := lives(native(tr, answerFrame, echoOf("m3"))); got != "" {
		t.Errorf("the first answer tells %s", got)
	}
	if got := lives(native(tr, answerFrame)); got != "completed" {
		t.Errorf("the second answer tells %s", got)
	}
	// It came too late for the turn, and another prompt came behind it.
	give(t, tr, steer("m3"), prompt("m4"))
	if got := lives(native(tr, echoOf("m3"), answerFrame, echoOf("m4"), answerFrame)); got != "start m3, completed" {
		t.Errorf("the answers tell %s", got)
	}
}

// Whatever Amp makes of a prompt's text, a turn that it answers ends.
func TestSection3EchoOfAnotherText(t *testing.T) {
	for name, frames := range map[string][]string{
		"none":    {answerFrame},
		"changed": {echoOf("M2 and more"), answerFrame},
	} {
		tr := opened(t)
		native(tr, answerFrame)
		give(t, tr, prompt("m2"))
		if got := lives(native(tr, frames...)); got != "start m2, completed" {
			t.Errorf("echo %s: got %s", name, got)
		}
	}
	tr := opened(t)
	native(tr, answerFrame)
	give(t, tr, prompt("a\xff\xfe"))
	if got := lives(native(tr, echoOf(`a\ufffd\ufffd`), answerFrame)); !strings.HasSuffix(got, ", completed") {
		t.Errorf("what is not UTF-8 gives %s", got)
	}
}

// A process that has said its last word takes no prompt: it would be lost with
// it.
func TestSection4NoPromptAfterTheLastWord(t *testing.T) {
	tr := opened(t)
	native(tr, overloadFrame)
	if _, err := tr.Command(prompt("m4")); protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		t.Errorf("a prompt after the last word gives %v", err)
	}
	if got := lives(exit(tr)); got != "" {
		t.Errorf("the exit tells %s", got)
	}
}

// A prompt that could not be written is taken back, unless its end was told.
func TestSection4TakeBack(t *testing.T) {
	tr := opened(t)
	give(t, tr, steer("m3"))
	if tr.takeBack("m3") {
		t.Error("a prompt that waits was told")
	}
	if tr.takeBack("m3") {
		t.Error("a prompt that was taken back was told")
	}
	give(t, tr, steer("m3"))
	if got := lives(native(tr, overloadFrame)); got != `prompt_dropped {"prompt_id":"m3"}, failed` {
		t.Errorf("got %s", got)
	}
	if !tr.takeBack("m3") {
		t.Error("a prompt whose end was told is to be sent again")
	}
}

// The turn of a prompt that interrupts is its own: it starts once, and no end
// of the process before is told in it.
func TestSection4PromptBehindAnUnreadSteer(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	sendTo(t, c, prompt("one")) // from now on the next process goes on with the thread
	until(t, c, protocol.TypeTurnEnded)
	sendTo(t, c, prompt("hang"))
	until(t, c, protocol.TypeTurnStarted)
	sendTo(t, c, steer("m3"))
	sendTo(t, c, &agents.Interrupt{})
	if got := lives(until(t, c, protocol.TypeTurnEnded)); got != `prompt_dropped {"prompt_id":"m3"}, interrupted` {
		t.Errorf("the interrupt tells %s", got)
	}
	sendTo(t, c, prompt("m4"))
	events := until(t, c, protocol.TypeTurnEnded)
	if got := lives(events); got != "start m4, completed" {
		t.Errorf("the next prompt's turn is %s", got)
	}
	want(t, ndjson(t, events), "threads continue T-1")
}

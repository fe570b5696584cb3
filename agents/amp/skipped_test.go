package amp

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// The ends of frames as the CLI of April 2026 writes them.
const (
	sessionEnd   = `,"session_id":"T-01a206bd-1411-705d-a162-e58a9acae3aa"}`
	ownEnd       = `},"parent_tool_use_id":null` + sessionEnd
	usageEnd     = `,"usage":{"input_tokens":100000,"cache_creation_input_tokens":100000,"cache_read_input_tokens":200000,"output_tokens":20000,"max_tokens":300000,"service_tier":"standard"}`
	longAnswer   = `{"type":"assistant","message":{"type":"message","role":"assistant","content":[{"type":"text","text":"`
	longResult   = `{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"`
	longLastWord = `{"type":"result","subtype":"error_during_execution","duration_ms":100,"is_error":true,"num_turns":1,"error":"`
	longSuccess  = `{"type":"result","subtype":"success","duration_ms":100,"is_error":false,"num_turns":1,"result":"`
)

// skip gives a translator the ends of a frame.
func skip(tr *translator, before, after string) agents.Output {
	frame := before + strings.Repeat("x", 1000) + after
	return tr.Skipped([]byte(frame[:256]), []byte(frame[len(frame)-256:]))
}

// stopEnd is the end of an answer.
func stopEnd(stop string) string { return `"}],"stop_reason":` + stop + usageEnd + ownEnd }

// What ends a turn or a process ends it also if it is too long to be read, and
// nothing waits for what was in it.
func TestSection3SkippedFrames(t *testing.T) {
	for name, c := range map[string]struct {
		do            []agents.Command
		before, after string
		told          string // by the frame
		then          string // by the next answer
	}{
		"answer":                   {nil, longAnswer, stopEnd(`"end_turn"`), "failed too_large", "start , completed"},
		"answer at the limit":      {nil, longAnswer, stopEnd(`"max_tokens"`), "failed too_large", "start , completed"},
		"answer of no usage":       {nil, longAnswer, `"}],"stop_reason":"refusal"` + ownEnd, "failed too_large", "start , completed"},
		"answer, a steer behind":   {[]agents.Command{steer("m3")}, longAnswer, stopEnd(`"end_turn"`), "", ""},
		"cut answer":               {nil, longAnswer, stopEnd(`null`), "", "completed"},
		"calls":                    {nil, longAnswer, stopEnd(`"tool_use"`), "", "completed"},
		"subagent's answer":        {nil, longAnswer, `"}],"stop_reason":"end_turn"` + usageEnd + `},"parent_tool_use_id":"c9"` + sessionEnd, "", "completed"},
		"answer that stops so new": {nil, longAnswer, stopEnd(`"new_reason"`), "broken", "completed"},
		"last word":                {nil, longLastWord, `"` + sessionEnd, "failed too_large", ""},
		"last word, a steer":       {[]agents.Command{steer("m3")}, longLastWord, `"` + sessionEnd, `prompt_dropped, failed too_large`, ""},
		"last word, interrupted":   {[]agents.Command{&agents.Interrupt{}}, longLastWord, `"` + sessionEnd, "interrupted", ""},
		"success":                  {nil, longSuccess, `"` + sessionEnd, "completed", ""},
		"echo of a steer":          {[]agents.Command{steer("m3")}, `{"type":"user","message":{"role":"user","content":[{"type":"text","text":"`, `"}]` + ownEnd, "", "completed"},
		"user's frame, a steer":    {[]agents.Command{steer("m3")}, `{"type":"user","message":{"role":"user","content":[{"type":"new","text":"`, `"}]` + ownEnd, "broken", ""},
		"user's frame":             {nil, `{"type":"user","message":{"role":"user","content":[{"type":"new","text":"`, `"}]` + ownEnd, "", "completed"},
		"another system's frame":   {nil, `{"type":"system","subtype":"new","x":"`, `"}`, "", "completed"},
		"anything":                 {nil, `{"x":"`, `"}`, "broken", "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			give(t, tr, c.do...)
			out := skip(tr, c.before, c.after)
			if got := livesOf(out); got != c.told {
				t.Errorf("it tells %q, want %q", got, c.told)
			}
			if got := lives(native(tr, answerFrame)); got != c.then {
				t.Errorf("the next answer tells %q, want %q", got, c.then)
			}
		})
	}
}

// livesOf is lives, with codes in the place of details, and broken.
func livesOf(out agents.Output) string {
	var told []string
	for _, d := range out.Events {
		switch d := d.(type) {
		case *protocol.TurnEnded:
			s := string(d.Outcome)
			if d.Error != nil {
				s += " " + d.Error.Code
			}
			told = append(told, s)
		case *protocol.ErrorEvent:
			told = append(told, d.Code)
		}
	}
	if out.Broken != "" {
		told = append(told, "broken")
	}
	return strings.Join(told, ", ")
}

// A result that is too long is one: its call is done, and nobody is asked for
// it any more.
func TestSection3SkippedResult(t *testing.T) {
	tr := opened(t)
	native(tr, bashCall)
	asks(tr)
	out := skip(tr, longResult, `","is_error":false}]`+ownEnd)
	want(t, ndjson(t, out.Events), `"outcome":"cancelled"`, `"id":"c1"`, `"status":"completed"`, "longer than this server reads")
	if len(tr.tools)+len(tr.asks) > 0 {
		t.Error("something waits for the result")
	}
	if got := lives(native(tr, answerFrame)); got != "completed" {
		t.Errorf("the turn tells %s", got)
	}
}

// The first frame makes the process ready as soon as its thread is known.
func TestSection3SkippedInit(t *testing.T) {
	tr := newTranslator(setup{})
	if out := skip(tr, `{"type":"system","subtype":"init","cwd":"/w","session_id":"T-1","tools":["`, `"],"mcp_servers":[]}`); !out.Ready || tr.thread != "T-1" {
		t.Errorf("it leads to %+v of thread %q", out, tr.thread)
	}
	if out := skip(newTranslator(setup{}), `{"type":"system","subtype":"init","cwd":"`, `","mcp_servers":[]}`); out.Broken == "" {
		t.Error("a first frame without its thread is waited for")
	}
	if out := skip(newTranslator(setup{}), `{"x":"`, `"}`); out.Broken == "" {
		t.Error("what may be the first frame is waited for")
	}
}

// With nothing open a skipped frame harms nothing, and after the last word
// nothing counts.
func TestSection3SkippedAtRest(t *testing.T) {
	for name, before := range map[string]string{"answer": longAnswer, "anything": `{"x":"`, "last word": longLastWord} {
		tr := opened(t)
		native(tr, answerFrame, successFrame)
		if out := skip(tr, before, stopEnd(`"end_turn"`)); len(out.Events) > 0 || out.Broken != "" {
			t.Errorf("%s leads to %+v", name, out)
		}
	}
	tr := opened(t)
	native(tr, answerFrame)
	if out := skip(tr, `{"x":"`, `"}`); len(out.Events) > 0 || out.Broken != "" {
		t.Errorf("between turns it leads to %+v", out)
	}
	if got := livesOf(skip(tr, longLastWord, `"`+sessionEnd)); got != "too_large" {
		t.Errorf("a last word between turns tells %s", got)
	}
}

// Lines of 9 MiB of a program: an answer ends its turn, a last word its
// process, and the next prompt goes on; what may be either ends the connection.
func TestLongLines(t *testing.T) {
	c := openFake(t, agents.Start{})
	defer finish(t, c)
	for _, text := range []string{"long answer", "long last word"} {
		sendTo(t, c, prompt(text))
		want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), "a line of 9", `"outcome":"failed"`, `"code":"too_large"`)
	}
	sendTo(t, c, prompt("next"))
	want(t, ndjson(t, until(t, c, protocol.TypeTurnEnded)), `"outcome":"completed"`)
	sendTo(t, c, prompt("long anything"))
	want(t, ndjson(t, until(t, c, protocol.TypeAgentExited)), "it may be one that is waited for")
}

// FuzzSkipped gives the translator any ends; it must not panic.
func FuzzSkipped(f *testing.F) {
	for _, before := range []string{longAnswer, longResult, longLastWord, longSuccess, `{`, ``} {
		f.Add([]byte(before), []byte(stopEnd(`"end_turn"`)))
	}
	f.Fuzz(func(t *testing.T, head, tail []byte) {
		tr := opened(t)
		native(tr, bashCall)
		asks(tr)
		tr.Skipped(head, tail)
		tr.Skipped(head, tail)
		tr.exited(&protocol.AgentExited{}, &output{})
	})
}

package pi

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// giveEnds gives the translator the ends of a frame that is too long.
func giveEnds(tr *translator, before, after string) (events []protocol.Data, sent, broken string) {
	frame := before + strings.Repeat("x", 1000) + after
	out := tr.Skipped([]byte(frame[:256]), []byte(frame[len(frame)-256:]))
	return out.Events, string(join(out.Frames)), out.Broken
}

// Long frames, up to where they are long.
const (
	longEnd     = `{"type":"agent_end","messages":[{"role":"user","content":"`
	longMessage = `{"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":"`
	longAsk     = `{"type":"extension_ui_request","id":"d1","method":`
)

// How a turn ended is told by its last message, or by the end's own end.
func TestSkippedEnds(t *testing.T) {
	tail := func(stop string) string {
		return `"}],"usage":{"input":1,"cost":{"total":0}},"stopReason":"` + stop + `","timestamp":1,"responseId":"r1"}`
	}
	interrupt := func(t *testing.T, tr *translator) { send(t, tr, &agents.Interrupt{}) }
	for name, c := range map[string]struct {
		before func(t *testing.T, tr *translator)
		frames [][2]string // long ones; one without an end is fed as it is
		want   string
	}{
		"after a message":                  {nil, [][2]string{{stopped}, {longEnd, tail("length") + "]}"}}, `"outcome":"completed"`},
		"after a message that is too long": {nil, [][2]string{{longMessage, tail("stop") + "}"}, {longEnd, `"}]}`}}, `"outcome":"completed"`},
		"after one that was cut":           {nil, [][2]string{{longMessage, tail("length") + "}"}, {agentEnds}}, `"outcome":"limit"`},
		"after one that does not tell":     {nil, [][2]string{{longMessage, `"}}`}, {longEnd, tail("stop") + "]}"}}, `"outcome":"completed"`},
		"nothing tells":                    {nil, [][2]string{{longMessage, `"}}`}, {longEnd, `"}]}`}}, `"outcome":"failed","error":{"code":"too_large"`},
		"a text does not tell":             {nil, [][2]string{{longMessage, `\"stopReason\":\"stop\""}}`}, {agentEnds}}, `"outcome":"failed","error":{"code":"too_large"`},
		"an input does not tell":           {nil, [][2]string{{longMessage, `"},{"arguments":{"stopReason":"stop"}}]}}`}, {agentEnds}}, `"outcome":"failed","error":{"code":"too_large"`},
		"a later message tells":            {nil, [][2]string{{longMessage, `"}}`}, {stopped}, {agentEnds}}, `"outcome":"completed"`},
		"interrupted":                      {interrupt, [][2]string{{longMessage, `"}}`}, {longEnd, `"}]}`}}, `"outcome":"interrupted"`},
		"after a message, with a steer left": {
			func(t *testing.T, tr *translator) { send(t, tr, steer("m2", "left")) },
			[][2]string{{queued("left")}, {stopped}, {longEnd, `"}]}`}},
			`"agent.exited"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			native(tr, `{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"So"}}`)
			if c.before != nil {
				c.before(t, tr)
			}
			var all []protocol.Data
			for _, f := range c.frames {
				events, broken := []protocol.Data(nil), ""
				if f[1] == "" {
					events, _ = native(tr, f[0])
				} else {
					events, _, broken = giveEnds(tr, f[0], f[1])
				}
				if all = append(all, events...); broken != "" {
					t.Errorf("it broke: %s", broken)
				}
			}
			got := ndjson(t, all)
			want(t, got, c.want)
			if strings.Count(got, `"turn.ended"`) != 1 || strings.Count(got, `"item.completed"`) != 1 {
				t.Errorf("the turn, and its text, did not end once in\n%s", got)
			}
		})
	}
}

// What Pi waits for is answered, and what waits for Pi goes on.
func TestSkippedFrames(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		told, sent    string
		broken        string
	}{
		"the gate's":      {longAsk + `"input","title":"towline:permission","placeholder":"`, `"}`, `"code":"too_large"`, `"id":"d1","value":"{\"allow\":false,\"message\":\"This call is too large`, ""},
		"a question":      {longAsk + `"confirm","title":"Sure?","message":"`, `"}`, `"code":"too_large"`, `"id":"d1","cancelled":true`, ""},
		"a long title":    {longAsk + `"confirm","title":"`, `"}`, `"code":"too_large"`, `"id":"d1","cancelled":true`, ""},
		"an unknown kind": {longAsk + `"pick","title":"`, `"}`, `"code":"too_large"`, `"id":"d1","cancelled":true`, ""},
		"a notice":        {longAsk + `"notify","message":"`, `"}`, "", "", ""},
		"decoration":      {longAsk + `"setWidget","widgetLines":["`, `"]}`, "", "", ""},
		"an answer":       {`{"id":"CONFIGURE","type":"response","command":"set_model","success":true,"data":{"x":"`, `"}}`, "Pi refused set_model: its answer is longer", "", ""},
		"another's":       {`{"id":"other","type":"response","command":"set_model","success":true,"data":{"x":"`, `"}}`, "", "", ""},
		"the opening's":   {`{"id":"towline-3","type":"response","command":"get_commands","success":true,"data":{"x":"`, `"}}`, "", "", "opening"},
		"a call's end":    {`{"type":"tool_execution_end","toolCallId":"c1","toolName":"bash","result":{"content":"`, `"},"isError":false}`, `"id":"c1","native_id":"c1","kind":"tool_call","role":"assistant","status":"completed"`, "", ""},
		"a failed call's": {`{"type":"tool_execution_end","toolCallId":"c1","toolName":"bash","result":{"content":"`, `"},"isError":true}`, `"status":"failed"`, "", ""},
		"an update":       {`{"type":"message_update","message":{"content":"`, `"}}`, "", "", ""},
		"anything":        {`{"x":"`, `"}`, "", "", "may be one that is waited for"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := opened(t)
			configure := lastID(t, send(t, tr, &agents.Configure{Model: new("a/b")}))
			native(tr, `{"type":"tool_execution_start","toolCallId":"c1","toolName":"bash","args":{"command":"x"}}`)
			events, sent, broken := giveEnds(tr, strings.ReplaceAll(c.before, "CONFIGURE", configure), c.after)
			got := ndjson(t, events)
			want(t, got, c.told)
			want(t, sent, c.sent)
			want(t, broken, c.broken)
			if (c.told == "") != (got == "") || (c.sent == "") != (sent == "") || (c.broken == "") != (broken == "") {
				t.Errorf("told %s, sent %s, broken %s", got, sent, broken)
			}
		})
	}
}

// Nothing is waited for, so a long line of whatever kind breaks nothing.
func TestSkippedAtRest(t *testing.T) {
	tr := newTranslator(setup{})
	if events, sent, broken := giveEnds(tr, `{"x":"`, `"}`); len(events) > 0 || sent != "" || broken != "" {
		t.Errorf("got %s, %s, %s", ndjson(t, events), sent, broken)
	}
}

// After an error, the state and the end of a compaction tell whether Pi goes on.
func TestSkippedAfterAnError(t *testing.T) {
	tr := opened(t)
	_, sent := native(tr, modelError, agentEnds)
	events, _, _ := giveEnds(tr, `{"id":"`+lastID(t, sent)+`","type":"response","command":"get_state","success":true,"data":{"sessionName":"`, `"}}`)
	want(t, ndjson(t, events), `"outcome":"failed"`)
	tr = opened(t)
	native(tr, modelError, agentEnds, `{"type":"compaction_start"}`)
	events, _, _ = giveEnds(tr, `{"type":"compaction_end","result":{"summary":"`, `"},"aborted":false,"willRetry":false}`)
	want(t, ndjson(t, events), `"outcome":"failed"`)
}

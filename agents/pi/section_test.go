package pi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// opened is a translator whose session is open, with the prompt m1 in its turn.
func opened(t *testing.T) *translator {
	t.Helper()
	tr := newTranslator(setup{})
	tr.Open()
	send(t, tr, &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}})
	native(tr, `{"type":"agent_start"}`, `{"type":"message_start","message":{"role":"assistant","content":[]}}`)
	return tr
}

// send gives a command and returns the frames.
func send(t *testing.T, tr *translator, c agents.Command) string {
	t.Helper()
	out, err := tr.Command(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(join(out.Frames))
}

func join(frames [][]byte) []byte {
	var all []byte
	for _, f := range frames {
		all = append(append(all, f...), '\n')
	}
	return all
}

// native feeds frames and returns what they led to.
func native(tr *translator, frames ...string) (events []protocol.Data, sent string) {
	for _, f := range frames {
		out := tr.Native([]byte(f))
		events = append(events, out.Events...)
		sent += string(join(out.Frames))
	}
	return events, sent
}

// A delta is read without what stands behind it: the message so far, twice.
// The frame here is no JSON behind the delta, and nobody notices.
func TestSection7DeltaReadsHeadOnly(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"Hi","partial":{"broken`)
	want(t, ndjson(t, events), `"text":"Hi"`)
	wantNone(t, ndjson(t, events), "unparsed")
}

// The work for a delta does not grow with the message that it repeats.
func TestSection7DeltaCostIsConstant(t *testing.T) {
	allocated := func(size int) float64 {
		frame := fmt.Appendf(nil, `{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"x","partial":{"content":[%q]}},"message":{"content":[%q]}}`,
			strings.Repeat("a", size), strings.Repeat("a", size))
		return testing.AllocsPerRun(50, func() {
			if _, err := readDelta(frame); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := allocated(10), allocated(4<<20); large > small+2 {
		t.Errorf("a delta takes %v allocations beside a small message and %v beside a large one", small, large)
	}
}

// partial may already hold later text, so it is never looked at.
func TestSection7PartialIsAhead(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr,
		`{"type":"message_update","assistantMessageEvent":{"type":"text_start","contentIndex":0,"partial":{"content":[{"type":"text","text":"all of it"}]}}}`,
		`{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"all","partial":{"content":[{"type":"text","text":"all of it"}]}}}`)
	wantNone(t, ndjson(t, events), "of it")
}

// thinking_end may come after later text: blocks are kept by their index.
func TestSection7ThinkingEndsLate(t *testing.T) {
	tr := opened(t)
	u := func(event string) string {
		return `{"type":"message_update","assistantMessageEvent":` + event + `}`
	}
	events, _ := native(tr,
		u(`{"type":"thinking_start","contentIndex":0,"partial":{}}`), u(`{"type":"thinking_delta","contentIndex":0,"delta":"Hm"}`),
		u(`{"type":"text_start","contentIndex":1,"partial":{}}`), u(`{"type":"text_delta","contentIndex":1,"delta":"So"}`),
		u(`{"type":"thinking_end","contentIndex":0,"content":"Hm."}`), u(`{"type":"text_end","contentIndex":1,"content":"So"}`))
	got := ndjson(t, events)
	want(t, got, `{"item_id":"m1:0","kind":"reasoning","text":"."}`, `"text":"Hm.","visibility"`, `"content":[{"type":"text","text":"So"}]`)
}

// U+2028 is no line's end, and stays what it is.
func TestSection1LineSeparatorInText(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, "{\"type\":\"message_update\",\"assistantMessageEvent\":{\"type\":\"text_delta\",\"contentIndex\":0,\"delta\":\"a\u2028b\"}}")
	if d, ok := events[len(events)-1].(*protocol.ItemDelta); !ok || d.Text != "a\u2028b" {
		t.Errorf("got %s", ndjson(t, events))
	}
}

// turn_start and turn_end are steps; the turn ends before abort is answered.
func TestSection7TurnsAndAbort(t *testing.T) {
	tr := opened(t)
	want(t, send(t, tr, &agents.Interrupt{}), `"type":"abort"`)
	events, _ := native(tr, `{"type":"turn_end","message":{},"toolResults":[]}`,
		`{"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":"cut"}],"stopReason":"aborted"}}`,
		`{"type":"agent_end","messages":[]}`)
	want(t, ndjson(t, events), `"outcome":"interrupted"`, `"status":"interrupted"`)
	events, _ = native(tr, `{"type":"response","command":"abort","success":true,"id":"towline-5"}`, `{"type":"turn_start"}`)
	if len(events) != 0 {
		t.Errorf("got %s", ndjson(t, events))
	}
}

// How a turn ended stands in its last message alone.
func TestSection4Outcomes(t *testing.T) {
	for stop, outcome := range map[string]string{"stop": "completed", "length": "limit", "aborted": "interrupted", "toolUse": "completed"} {
		t.Run(stop, func(t *testing.T) {
			tr := opened(t)
			events, _ := native(tr, `{"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"`+stop+`"}}`, `{"type":"agent_end"}`)
			want(t, ndjson(t, events), `"outcome":"`+outcome+`"`)
		})
	}
}

const modelError = `{"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"error","errorMessage":"503 overloaded"}}`

// After an error Pi may try again by itself: the turn stays open until an
// answer tells that it does not.
func TestSection3RetryKeepsTheTurn(t *testing.T) {
	tr := opened(t)
	events, sent := native(tr, modelError, `{"type":"agent_end"}`)
	wantNone(t, ndjson(t, events), "turn.ended")
	want(t, sent, `"type":"get_state"`)
	id := lastID(t, sent)
	events, _ = native(tr, `{"type":"auto_retry_start","attempt":1,"maxAttempts":3,"delayMs":2000,"errorMessage":"503 overloaded"}`,
		`{"type":"response","command":"get_state","success":true,"id":"`+id+`","data":{"isStreaming":false}}`)
	want(t, ndjson(t, events), `"code":"retrying"`, `attempt 1 of 3`)
	wantNone(t, ndjson(t, events), "turn.ended", "session.started")
	events, _ = native(tr, `{"type":"agent_start"}`, `{"type":"message_start","message":{"role":"assistant","content":[]}}`,
		`{"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":"Well."}],"stopReason":"stop"}}`,
		`{"type":"auto_retry_end","success":true,"attempt":1}`, `{"type":"agent_end"}`)
	want(t, ndjson(t, events), `"outcome":"completed"`)
	wantNone(t, ndjson(t, events), "turn.started")
}

// Without a retry the answer ends the turn, with what the provider said.
func TestSection4ModelError(t *testing.T) {
	for message, code := range map[string]string{
		"503 overloaded": `"code":"model_error","message":"503 overloaded","retryable":true`,
		"401 bad key":    `"code":"authentication_failed"`,
	} {
		t.Run(message, func(t *testing.T) {
			tr := opened(t)
			_, sent := native(tr, strings.Replace(modelError, "503 overloaded", message, 1), `{"type":"agent_end"}`)
			events, _ := native(tr, `{"type":"response","command":"get_state","success":true,"id":"`+lastID(t, sent)+`","data":{}}`)
			want(t, ndjson(t, events), `"outcome":"failed"`, code)
			if strings.HasPrefix(message, "401") {
				want(t, ndjson(t, events), `"auth_required"`)
			}
		})
	}
}

// A turn that is too long for the model goes on after a compaction.
func TestSection3CompactionKeepsTheTurn(t *testing.T) {
	tr := opened(t)
	_, sent := native(tr, modelError, `{"type":"agent_end"}`, `{"type":"compaction_start","reason":"overflow"}`)
	answer := `{"type":"response","command":"get_state","success":true,"id":"` + lastID(t, sent) + `","data":{}}`
	events, _ := native(tr, answer, `{"type":"compaction_end","result":{"summary":"s"},"aborted":false,"willRetry":true}`)
	want(t, ndjson(t, events), `"compacted"`)
	wantNone(t, ndjson(t, events), "turn.ended")
	events, _ = native(tr, `{"type":"agent_start"}`, `{"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"stop"}}`, `{"type":"agent_end"}`)
	want(t, ndjson(t, events), `"outcome":"completed"`)
}

// lastID is the id of the last request in sent.
func lastID(t *testing.T, sent string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(sent), "\n")
	var f struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil || f.ID == "" {
		t.Fatalf("no request in %q", sent)
	}
	return f.ID
}

// Pi answers a line that it cannot read, and a type that it does not know,
// without the id.
func TestSection2AnswersWithoutID(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"response","command":"parse","success":false,"error":"Failed to parse command"}`,
		`{"type":"response","command":"nonsense","success":false,"error":"Unknown command: nonsense"}`)
	got := ndjson(t, events)
	want(t, got, "Pi refused parse", "Pi refused nonsense")
	wantNone(t, got, "turn.ended")
}

// A prompt that Pi refuses has no agent_end: its turn ends with the refusal.
func TestSection2PromptRefused(t *testing.T) {
	tr := newTranslator(setup{})
	sent := send(t, tr, &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("go")}}})
	events, _ := native(tr, `{"type":"response","command":"prompt","success":false,"error":"No API key found for fake.","id":"`+lastID(t, sent)+`"}`)
	want(t, ndjson(t, events), `"prompt_ids":["m1"]`, `"outcome":"failed"`, `"authentication_failed"`, `"auth_required"`)
}

// A prompt that an extension takes for its command starts no agent.
func TestSection2PromptWithoutATurn(t *testing.T) {
	tr := newTranslator(setup{})
	sent := send(t, tr, &agents.Prompt{PromptID: "m1", Content: []agents.Content{{Part: protocol.TextPart("/hello")}}})
	_, sent = native(tr, `{"type":"response","command":"prompt","success":true,"id":"`+lastID(t, sent)+`"}`)
	events, _ := native(tr, `{"type":"response","command":"get_state","success":true,"id":"`+lastID(t, sent)+`","data":{"isStreaming":false}}`)
	want(t, ndjson(t, events), `"prompt_ids":["m1"]`, `"outcome":"completed"`)
}

// A prompt that steers names its place, so that it is never refused, and one
// that came too late for its turn starts the next.
func TestSection2Steer(t *testing.T) {
	tr := opened(t)
	want(t, send(t, tr, &agents.Prompt{PromptID: "m2", Steer: true, Content: []agents.Content{{Part: protocol.TextPart("left")}}}), `"streamingBehavior":"steer"`)
	events, _ := native(tr, `{"type":"message_start","message":{"role":"user","content":"go"}}`,
		`{"type":"agent_end"}`, `{"type":"agent_start"}`, `{"type":"message_start","message":{"role":"user","content":[{"type":"text","text":"left"}]}}`)
	want(t, ndjson(t, events), `"prompt_ids":["m2"],"origin":"client"`)
	wantNone(t, ndjson(t, events), `"role":"user"`)
}

// The session's name and the level of thinking, when Pi changes them.
func TestSection6SessionUpdates(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"session_info_changed","name":"About the lab"}`, `{"type":"session_info_changed"}`)
	if got := ndjson(t, events); got != `{"type":"session.updated","data":{"title":"About the lab"}}`+"\n" {
		t.Errorf("got %s", got)
	}
}

// A message that an extension speaks for the user is shown.
func TestSection6ForeignUserMessage(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"message_start","message":{"role":"user","content":"from an extension"}}`)
	want(t, ndjson(t, events), `"role":"user"`, "from an extension")
}

// The code of a failed command stands in the last line of its output.
func TestSection4FailedCommand(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"tool_execution_start","toolCallId":"c1","toolName":"bash","args":{"command":"x"}}`,
		`{"type":"tool_execution_update","toolCallId":"c1","toolName":"bash","args":{"command":"x"},"partialResult":{"content":[{"type":"text","text":"ab"}]}}`,
		`{"type":"tool_execution_update","toolCallId":"c1","toolName":"bash","args":{"command":"x"},"partialResult":{"content":[{"type":"text","text":"abcd"}]}}`,
		`{"type":"tool_execution_end","toolCallId":"c1","toolName":"bash","result":{"content":[{"type":"text","text":"abcde\n\nCommand exited with code 3"}]},"isError":true}`)
	got := ndjson(t, events)
	want(t, got, `"kind":"tool_output","text":"ab"`, `"kind":"tool_output","text":"cd"`, `"kind":"tool_output","text":"e"`,
		`"status":"failed"`, `"exit_code":3,"output":"abcde"`)
}

// Calls that run at the same time interleave.
func TestSection4ParallelCalls(t *testing.T) {
	tr := opened(t)
	events, _ := native(tr, `{"type":"tool_execution_start","toolCallId":"c1","toolName":"bash","args":{"command":"x"}}`,
		`{"type":"tool_execution_start","toolCallId":"c2","toolName":"read","args":{"path":"y"}}`,
		`{"type":"tool_execution_end","toolCallId":"c2","toolName":"read","result":{"content":[{"type":"text","text":"Y"}]},"isError":false}`,
		`{"type":"tool_execution_end","toolCallId":"c1","toolName":"bash","result":{"content":[{"type":"text","text":"X"}]},"isError":false}`)
	want(t, ndjson(t, events), `"id":"c1"`, `"output":"X"`, `"text":"Y"`)
}

func TestFindModel(t *testing.T) {
	tr := newTranslator(setup{})
	native(tr, `{"type":"response","command":"get_available_models","success":true,"id":"x","data":{"models":[{"id":"a/b","provider":"router"},{"id":"c","provider":"lab"}]}}`)
	for word, sent := range map[string]string{
		"router/a/b": `"modelId":"a/b","provider":"router"`, "c": `"modelId":"c","provider":"lab"`, "new/model": `"modelId":"model","provider":"new"`,
	} {
		got := send(t, tr, &agents.Configure{Model: &word})
		want(t, got, sent)
	}
	if _, err := tr.Command(&agents.Configure{Model: new("nothing")}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
}

// Pi's diff has line numbers and no hunks.
func TestSection3NumberedDiff(t *testing.T) {
	got := unified(" 1 a\n-2 b\n+2 B\n+3 C\n 3 d\n   ...\n 9 x\n-10 y\n")
	const wanted = "@@ -1,3 +1,4 @@\n a\n-b\n+B\n+C\n d\n@@ -9,2 +10,1 @@\n x\n-y\n"
	if got != wanted {
		t.Errorf("got %q, want %q", got, wanted)
	}
}

// FuzzNative feeds the translator with anything; it must not panic, and answer
// what it cannot read with agent.unparsed.
func FuzzNative(f *testing.F) {
	for _, seed := range []string{
		`{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"x"}}`,
		`{"type":"extension_ui_request","id":"1","method":"select","title":"t","options":["a"]}`,
		`{"type":"tool_execution_end","toolCallId":"c","toolName":"edit","result":{"details":{"diff":"+1 a"}}}`,
		`{"type":"message_end","message":{"role":"assistant","content":[{"type":"toolCall","id":"a","name":"bash"}],"stopReason":"error"}}`,
		`{"type":"agent_end"}`, `{"type":"nonsense"}`, `{`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, frame []byte) {
		tr := newTranslator(setup{})
		for range 2 {
			tr.Native([]byte(`{"type":"agent_start"}`))
			tr.Native([]byte(`{"type":"message_start","message":{"role":"assistant"}}`))
			tr.Native(frame)
		}
	})
}

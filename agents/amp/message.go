package amp

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// nativeBlock is one block of a message.
type nativeBlock struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Thinking string          `json:"thinking"`
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Input    json.RawMessage `json:"input"`
	// ToolUseID, Content and IsError are of a tool_result.
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

// messageFrame is a user or assistant frame: one whole message.
type messageFrame struct {
	Parent  string `json:"parent_tool_use_id"`
	Message struct {
		Content []nativeBlock `json:"content"`
		Stop    *string       `json:"stop_reason"`
		Usage   nativeUsage   `json:"usage"`
	} `json:"message"`
}

// nativeUsage is what one model call used.
type nativeUsage struct {
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	// Max is the size of the context.
	Max int64 `json:"max_tokens"`
}

// addTo adds the usage to a sum.
func (u nativeUsage) addTo(sum *protocol.Usage) {
	sum.InputTokens += u.Input
	sum.OutputTokens += u.Output
	sum.CachedReadTokens += u.CacheRead
	sum.CachedWriteTokens += u.CacheWrite
}

// user takes the echo of a prompt, or the results of all calls of the message
// before (section 3).
func (t *translator) user(frame []byte, o *output) error {
	var f messageFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	var text strings.Builder
	for _, b := range f.Message.Content {
		switch b.Type {
		case "tool_result":
			t.toolResult(b, o)
		case "text":
			text.WriteString(b.Text)
		}
	}
	if text.Len() > 0 && f.Parent == "" {
		t.echo(text.String(), o)
	}
	return nil
}

// save notes that the thread has an answer. Before that the service does not
// know it, and "threads continue" fails: the CLI of April 2026 uploads a thread
// with its first answer.
func (t *translator) save(o *output) {
	if !t.saved {
		t.saved = true
		id := t.thread
		o.emit(&protocol.SessionUpdated{NativeSessionID: &id})
	}
}

// echo takes a prompt that Amp has begun to work on.
func (t *translator) echo(text string, o *output) {
	ids := t.read(text)
	t.openTurn(ids, o)
	if len(ids) == 0 {
		item := protocol.Item{ID: t.nextMessage() + ":0", Kind: protocol.KindMessage, Role: "user"}
		o.start(item)
		o.complete(item, protocol.ItemDone, []protocol.Part{protocol.TextPart(text)})
	}
}

// begin opens a turn for a message whose prompt was not echoed.
func (t *translator) begin(o *output) {
	if !t.turn.open {
		t.openTurn(t.read(""), o)
	}
}

// nextMessage is the id of another message.
func (t *translator) nextMessage() string {
	t.number++
	return "m" + strconv.Itoa(t.number)
}

// assistant takes a message of the model. It comes whole, so its items start
// and complete at once; its calls stay open until their results. One without a
// stop reason was cut by a prompt in the middle of it (section 4).
func (t *translator) assistant(frame []byte, o *output) error {
	var f messageFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return errShape
	}
	t.begin(o)
	t.save(o)
	id := t.nextMessage()
	cut := f.Message.Stop == nil
	status := protocol.ItemDone
	if cut {
		status = protocol.ItemInterrupted
	}
	for i, b := range f.Message.Content {
		item := protocol.Item{ID: id + ":" + strconv.Itoa(i), ParentID: f.Parent, Kind: protocol.KindMessage, Role: "assistant"}
		content := []protocol.Part{protocol.TextPart(b.Text)}
		switch b.Type {
		case "text":
		case "thinking":
			item.Kind = protocol.KindReasoning
			content = []protocol.Part{{Type: protocol.PartReasoning, Text: b.Thinking, Visibility: "public"}}
		case "tool_use":
			t.startTool(f.Parent, b, o)
			continue
		case "redacted_thinking":
			continue
		default:
			item.Kind = protocol.KindUnknown
			content = []protocol.Part{{Type: protocol.PartJSON, JSON: encode(b)}}
		}
		o.start(item)
		o.complete(item, status, content)
	}
	t.count(f.Message.Usage, o)
	// A prompt that was written meanwhile is answered next, in the same turn.
	if !cut && f.Parent == "" && *f.Message.Stop != "tool_use" && len(t.prompts) == 0 {
		t.endTurn(stopOutcome(*f.Message.Stop), nil, o)
	}
	return nil
}

// count adds a message's usage.
func (t *translator) count(u nativeUsage, o *output) {
	u.addTo(&t.turn.usage)
	u.addTo(&t.all)
	report := &protocol.UsageUpdated{Usage: t.all}
	if used := u.Input + u.Output + u.CacheRead + u.CacheWrite; used > 0 {
		report.Context = &protocol.Context{Used: used, Size: u.Max}
	}
	o.emit(report)
}

// stopOutcome maps a stop reason that ends the turn.
func stopOutcome(stop string) protocol.Outcome {
	switch stop {
	case "max_tokens", "model_context_window_exceeded":
		return protocol.OutcomeLimit
	case "refusal":
		return protocol.OutcomeRefused
	default:
		return protocol.OutcomeCompleted
	}
}

package pi

import (
	"bytes"
	"encoding/json"
)

// updatePrefix is how the frame begins that comes thousands of times in a
// turn.
var updatePrefix = []byte(`{"type":"message_update"`)

// delta is the head of an assistantMessageEvent.
type delta struct {
	kind  string
	index int
	// text is what a delta adds, or what an end says that the whole is.
	text string
	// call is a finished tool call.
	call json.RawMessage
}

// readDelta reads the event of a message_update and nothing behind it. The
// frame carries the whole message so far twice, as partial and as message,
// which makes a long answer quadratic (section 7): the decoder stops before
// them. What partial holds may already be newer than the delta, so nothing is
// ever compared with it.
func readDelta(frame []byte) (delta, error) {
	d := delta{index: -1}
	dec := json.NewDecoder(bytes.NewReader(frame))
	err := fields(dec, func(key string) (done bool, err error) {
		if key != "assistantMessageEvent" {
			return false, skip(dec)
		}
		return true, fields(dec, func(key string) (bool, error) { return d.field(dec, key) })
	})
	if err != nil || d.kind == "" {
		return delta{}, errShape
	}
	return d, nil
}

// field reads one field of the event. The last that is needed ends reading.
func (d *delta) field(dec *json.Decoder, key string) (done bool, err error) {
	switch key {
	case "type":
		return false, dec.Decode(&d.kind)
	case "contentIndex":
		return false, dec.Decode(&d.index)
	case "delta", "content":
		return true, dec.Decode(&d.text)
	case "toolCall":
		return true, dec.Decode(&d.call)
	case "partial":
		if d.kind != "" && d.index >= 0 && (d.kind == "text_start" || d.kind == "thinking_start" || d.kind == "toolcall_start") {
			return true, nil
		}
	}
	return false, skip(dec)
}

// fields goes through the object that comes next, key by key, until f is done
// or the object ends.
func fields(dec *json.Decoder, f func(key string) (done bool, err error)) error {
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errShape
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := key.(string)
		if !ok {
			return errShape
		}
		if done, err := f(name); done || err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// skip reads over the next value.
func skip(dec *json.Decoder) error {
	var ignored json.RawMessage
	return dec.Decode(&ignored)
}

// update adds to the message that streams.
func (t *translator) update(frame []byte, o *output) error {
	d, err := readDelta(frame)
	if err != nil {
		return err
	}
	switch d.kind {
	case "start", "done", "error", "toolcall_start", "toolcall_delta":
		return nil // a call's id comes with its end alone; message_end tells the rest
	}
	if t.message == nil {
		return errShape
	}
	switch d.kind {
	case "text_start", "thinking_start":
		t.message.block(d.index, d.kind == "thinking_start", o)
	case "text_delta", "thinking_delta":
		t.message.block(d.index, d.kind == "thinking_delta", o).add(d.text, o)
	case "text_end", "thinking_end":
		// Of an interrupted message the end tells its status.
		if b := t.message.block(d.index, d.kind == "thinking_end", o); !t.turn.interrupting {
			b.end(d.text, false, o)
		}
	case "toolcall_end":
		return t.callEnd(d.call, o)
	default:
		return errUnknown
	}
	return nil
}

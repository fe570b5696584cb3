package protocol_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
)

func TestDecodeClientFrameRefuses(t *testing.T) {
	long := strings.Repeat("a", 129)
	for name, c := range map[string]struct {
		text string
		id   string
		code Code
	}{
		"no object":              {`[]`, "", CodeInvalidRequest},
		"a string":               {`"prompt"`, "", CodeInvalidRequest},
		"nothing in it":          {`{}`, "", CodeInvalidRequest},
		"no type":                {`{"id":"a"}`, "a", CodeInvalidRequest},
		"a type of another type": {`{"id":"a","type":7}`, "a", CodeInvalidRequest},
		"type in another case":   {`{"id":"a","Type":"ping"}`, "a", CodeInvalidRequest},
		"no id":                  {`{"type":"ping"}`, "", CodeInvalidRequest},
		"an empty id":            {`{"type":"ping","id":""}`, "", CodeInvalidRequest},
		"a long id":              {`{"type":"ping","id":"` + long + `"}`, "", CodeInvalidRequest},
		"an id with a space":     {`{"type":"ping","id":"a b"}`, "", CodeInvalidRequest},
		"an id with a newline":   {`{"type":"ping","id":"a\n"}`, "", CodeInvalidRequest},
		"a number as id":         {`{"type":"ping","id":7}`, "", CodeInvalidRequest},
		"an id that is deeper":   {`{"type":"ping","x":{"id":"a"}}`, "", CodeInvalidRequest},
		"an unknown type":        {`{"type":"pong","id":"a"}`, "a", CodeUnknownType},
		"a server frame":         {`{"type":"hello","id":"a"}`, "a", CodeUnknownType},
		"a field of wrong type":  {`{"type":"prompt","id":"a","text":7}`, "a", CodeInvalidRequest},
		"a field in wrong case":  {`{"type":"prompt","id":"a","Text":"x"}`, "a", CodeInvalidRequest},
		"both cases":             {`{"type":"prompt","id":"a","text":"x","TEXT":"y"}`, "a", CodeInvalidRequest},
		"the Kelvin sign":        {`{"type":"session.create","id":"a","agent":"x","s\u212Aills":[]}`, "a", CodeInvalidRequest},
		"wrong case in a part":   {`{"type":"prompt","id":"a","content":[{"type":"text","Text":"x"}]}`, "a", CodeInvalidRequest},
		"wrong case in a map":    {`{"type":"session.create","id":"a","agent":"x","mcp":{"M":{"URL":"u"}}}`, "a", CodeInvalidRequest},
		"bad base64":             {`{"type":"prompt","id":"a","content":[{"type":"image","mime":"m","data":"%"}]}`, "a", CodeInvalidRequest},
		"a bad cursor":           {`{"type":"session.attach","id":"a","session_id":"s","after":-1}`, "a", CodeInvalidCursor},
		"a fraction as number":   {`{"type":"events.read","id":"a","limit":1.5}`, "a", CodeInvalidRequest},
		"not valid":              {`{"type":"prompt","id":"a"}`, "a", CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			packed, err := AppendMsgpack(nil, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			for format, frame := range map[Format][]byte{FormatJSON: []byte(c.text), FormatMsgpack: packed} {
				got, err := DecodeClientFrame(format, frame)
				if CodeOf(err) != c.code || got.ID != c.id || got.Command != nil {
					t.Errorf("%s: got %+v, %v; want id %q, code %s", format, got, err, c.id, c.code)
				}
				if _, ok := errors.AsType[*GuardError](err); ok {
					t.Errorf("%s: the guard refused it, but it can be answered", format)
				}
			}
		})
	}
}

func TestDecodeClientFrameTakes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Command
	}{
		"unknown fields":       {`{"type":"prompt","id":"a","text":"x","colour":{"Text":1}}`, &Prompt{Text: "x"}},
		"type at the end":      {`{"text":"x","id":"a","type":"prompt"}`, &Prompt{Text: "x"}},
		"an escaped key":       {`{"typ\u0065":"ping","\u0069d":"a"}`, &Ping{}},
		"free keys in input":   {`{"type":"permission.decide","id":"a","permission_id":"p1","option_id":"o","input":{"Type":1,"type":2}}`, &PermissionDecide{PermissionID: "p1", OptionID: "o", Input: json.RawMessage(`{"Type":1,"type":2}`)}},
		"free names in env":    {`{"type":"session.create","id":"a","agent":"x","env":{"PATH":"p","path":"q"}}`, &SessionCreate{Agent: "x", Env: map[string]string{"PATH": "p", "path": "q"}}},
		"a cursor in words":    {`{"type":"session.attach","id":"a","session_id":"s","after":"head"}`, &SessionAttach{SessionID: "s", After: Cursor{Head: true}}},
		"null for a field":     {`{"type":"session.configure","id":"a","title":"t","model":null}`, &SessionConfigure{Title: ptr("t")}},
		"a field of any shape": {`{"type":"session.create","id":"a","agent":"x","policy":[{"Agent":1}]}`, &SessionCreate{Agent: "x", Policy: json.RawMessage(`[{"Agent":1}]`)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeClientFrame(FormatJSON, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ClientFrame{ID: "a", Command: c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeClientFrameTakesBinaryData(t *testing.T) {
	packed := "\x83\xa4type\xa6prompt\xa2id\xa1a\xa7content\x91\x83\xa4type\xa5image\xa4mime\xa9image/png\xa4data\xc4\x03\x00\xff\x10"
	got, err := DecodeClientFrame(FormatMsgpack, []byte(packed))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Prompt{Content: []Part{{Type: PartImage, Mime: "image/png", Data: []byte{0, 0xff, 0x10}}}}, got.Command); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeBody(t *testing.T) {
	var create SessionCreate
	if err := DecodeBody(GuardLimits{}, []byte(`{"agent":"mock","title":"t"}`), &create); err != nil || create.Agent != "mock" {
		t.Errorf("got %+v, %v", create, err)
	}
	for text, code := range map[string]Code{
		`{"agent":"mock","agent":"x"}`: CodeInvalidRequest, `{"Agent":"mock"}`: CodeInvalidRequest, `{}`: CodeInvalidRequest,
		`[]`: CodeInvalidRequest, strings.Repeat(" ", 200): CodeTooLarge,
	} {
		if err := DecodeBody(GuardLimits{Bytes: 100}, []byte(text), new(SessionCreate)); CodeOf(err) != code {
			t.Errorf("%.40q: got %v, want %s", text, err, code)
		}
	}
}

func TestCommandHash(t *testing.T) {
	decode := func(format Format, text string) Command {
		b := []byte(text)
		if format == FormatMsgpack {
			packed, err := AppendMsgpack(nil, b)
			if err != nil {
				t.Fatal(err)
			}
			b = packed
		}
		f, err := DecodeClientFrame(format, b)
		if err != nil {
			t.Fatal(err)
		}
		return f.Command
	}
	const first = `{"type":"permission.decide","id":"a","permission_id":"p","option_id":"o","input":{"a":1.0,"b":"\u0041"}}`
	want := CommandHash(decode(FormatJSON, first))
	for _, same := range []string{
		first,
		`{"id":"other","input": {"b":"A", "a":1e0},"option_id":"o","type":"permission.decide","permission_id":"p","unknown":1}`,
	} {
		for _, format := range []Format{FormatJSON, FormatMsgpack} {
			if CommandHash(decode(format, same)) != want {
				t.Errorf("%s: %s hashes differently", format, same)
			}
		}
	}
	for _, other := range []Command{
		decode(FormatJSON, strings.Replace(first, "1.0", "2", 1)), decode(FormatJSON, strings.Replace(first, `"o"`, `"q"`, 1)), &Ping{}, &SessionEnd{},
	} {
		if CommandHash(other) == want {
			t.Errorf("%+v hashes alike", other)
		}
	}
	if CommandHash(&Ping{}) == CommandHash(&SessionEnd{}) {
		t.Error("the type is not in the hash")
	}
}

func TestServerFramesOfOthers(t *testing.T) {
	ft, body, err := DecodeServerFrame(FormatJSON, []byte(`{"x":1,"type":"moon"}`))
	if raw, ok := body.(json.RawMessage); err != nil || ft != "moon" || !ok || string(raw) != `{"x":1,"type":"moon"}` {
		t.Errorf("got %s, %v, %v", ft, body, err)
	}
	for _, text := range []string{``, `[]`, `{}`, `{"type":1}`, `{"a":{"type":"live"}}`, `{"type":"live","seq":"x"}`, `{"type":"live"`, `{"type":"moon"`, `{"type":"events","events":[{}]}`} {
		if _, _, err := DecodeServerFrame(FormatJSON, []byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if _, _, err := DecodeServerFrame(FormatMsgpack, []byte("\xdd\xff\xff\xff\xff")); err == nil {
		t.Error("a bomb was taken")
	}
}

func TestAppendFrameErrors(t *testing.T) {
	for name, body := range map[string]any{"a list": []int{1}, "a text": "x", "bad JSON": &Result{Data: json.RawMessage(`{`)}, "a function": func() {}} {
		for _, format := range []Format{FormatJSON, FormatMsgpack} {
			if got, err := AppendFrame([]byte("kept"), format, FrameResult, body); err == nil || string(got) != "kept" {
				t.Errorf("%s: got %q, %v", name, got, err)
			}
		}
	}
	got, err := AppendFrame(nil, FormatJSON, FrameLive, nil)
	if err != nil || string(got) != `{"type":"live"}` {
		t.Errorf("without a body: %s, %v", got, err)
	}
	if _, err := EncodeClientFrame(FormatJSON, ClientFrame{ID: "a"}); err == nil {
		t.Error("a frame without command was encoded")
	}
}

// TestEventsFrameIsOneWay compares the frame put together from blocks with
// the one encoded whole, around the sizes where msgpack's heads change.
func TestEventsFrameIsOneWay(t *testing.T) {
	for _, n := range []int{1, 15, 16, 300, 66_000} {
		e := Event{Seq: 1, SessionID: "s", Time: at(0), Source: SourceAgent, Data: &ItemDelta{ItemID: "i", Kind: DeltaText, Text: "x"}}
		line, err := AppendEvent(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := AppendMsgpack(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		events := make([]Event, n)
		lines, packs := make([][]byte, n), make([][]byte, n)
		for i := range n {
			events[i], lines[i], packs[i] = e, line, packed
		}
		for format, blocks := range map[Format][][]byte{FormatJSON: lines, FormatMsgpack: packs} {
			want, err := AppendFrame(nil, format, FrameEvents, &Events{Last: 1 << 40, Events: events})
			if err != nil {
				t.Fatal(err)
			}
			if got := AppendEventsFrame(nil, format, 1<<40, n, blocks...); string(got) != string(want) {
				t.Errorf("%s frame of %d events differs", format, n)
			}
		}
	}
}

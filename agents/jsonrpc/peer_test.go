package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func receive(t *testing.T, p *Peer, line string) Incoming {
	t.Helper()
	in, err := p.Receive([]byte(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return in
}

func TestLines(t *testing.T) {
	p := &Peer{}
	versioned := &Peer{Version: true}
	for want, got := range map[string][]byte{
		`{"id":1,"method":"m","params":{"a":1}}`:                       p.Call("m", map[string]int{"a": 1}, nil),
		`{"method":"initialized"}`:                                     p.Notify("initialized", nil),
		`{"id":"x","result":{"ok":true}}`:                              p.Answer(`"x"`, map[string]bool{"ok": true}),
		`{"id":0,"result":null}`:                                       p.Answer(Number(0), nil),
		`{"id":0,"error":{"code":-32601,"message":"no"}}`:              p.Refuse(Number(0), CodeMethodNotFound, "no"),
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}`: versioned.Call("initialize", json.RawMessage("null"), nil),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Each side numbers its own requests, so the same id means two things.
func TestIDsOfTheTwoDirectionsCollide(t *testing.T) {
	p := &Peer{NextID: func() ID { return Number(0) }}
	p.Call("ours", nil, "tag")
	if in := receive(t, p, `{"id":0,"method":"theirs","params":{}}`); in.Kind != Request || in.ID != "0" || in.Method != "theirs" {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":0,"result":{}}`); in.Kind != Response || in.Tag != "tag" {
		t.Errorf("got %+v", in)
	}
}

func TestReceive(t *testing.T) {
	p := &Peer{}
	p.Call("a", nil, "a")
	p.Call("b", nil, "b")
	if in := receive(t, p, `{"error":{"code":-32600,"message":"bad","data":{"x":1}},"id":2}`); in.Tag != "b" || in.Error == nil || in.Error.Error() != "bad" || string(in.Error.Data) != `{"x":1}` {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":1,"result":null}`); in.Kind != Response || in.Tag != "a" {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":2,"result":{}}`); in.Kind != Stray {
		t.Errorf("a second response: got %+v", in)
	}
	if in := receive(t, p, `{"method":"note","params":[1],"emittedAtMs":7}`); in.Kind != Notification || string(in.Params) != "[1]" {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":null,"method":"note"}`); in.Kind != Notification {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":"\u0061","method":"m"}`); in.ID != `"a"` {
		t.Errorf("got %+v", in)
	}
}

// A line that is no message is told and harms nothing: open calls stay open,
// and a method that nobody knows is handed on like any other.
func TestBadLines(t *testing.T) {
	p := &Peer{}
	p.Call("a", nil, "a")
	for _, line := range []string{"", "x", "[1,2]", "{}", `{"foo":1}`, `{"id":1}`, `{"id":{},"result":1}`, `{"id":true,"method":"m"}`, `{"id":1,"method":7}`} {
		if in, err := p.Receive([]byte(line)); err == nil {
			t.Errorf("%q gave %+v", line, in)
		}
	}
	if in := receive(t, p, `{"id":9,"method":"no/such/method"}`); in.Kind != Request {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":1,"result":1}`); in.Kind != Response {
		t.Errorf("got %+v", in)
	}
}

func TestDrop(t *testing.T) {
	p := &Peer{}
	p.Call("a", nil, "a")
	p.Call("b", nil, "b")
	if open := p.Open(); len(open) != 2 {
		t.Errorf("open: %v", open)
	}
	if tag, ok := p.Drop(Number(1)); tag != "a" || !ok {
		t.Errorf("got %v, %t", tag, ok)
	}
	if _, ok := p.Drop(Number(1)); ok {
		t.Error("dropped twice")
	}
	if in := receive(t, p, `{"id":1,"result":{}}`); in.Kind != Stray {
		t.Errorf("got %+v", in)
	}
	if in := receive(t, p, `{"id":2,"result":{}}`); in.Kind != Response {
		t.Errorf("got %+v", in)
	}
}

func FuzzReceive(f *testing.F) {
	for _, seed := range []string{`{"id":1,"result":{}}`, `{"id":"a","method":"m","params":{}}`, `{"method":"m"}`, `[]`, `{"id":1e400,"error":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p := &Peer{}
		p.Call("m", nil, 1)
		in, err := p.Receive(line)
		if err != nil {
			return
		}
		if in.Kind == Request {
			if answer := p.Answer(in.ID, struct{}{}); !json.Valid(answer) || strings.Contains(string(answer), "\n") {
				t.Fatalf("an answer that is no line of JSON: %q", answer)
			}
		}
	})
}

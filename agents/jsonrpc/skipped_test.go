package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"
)

// ends cuts a line as the reader of lines does.
func ends(line string) (head, tail []byte) {
	return []byte(line[:min(len(line), 256)]), []byte(line[max(0, len(line)-256):])
}

func TestSkipped(t *testing.T) {
	big := `"` + strings.Repeat("x", 1000) + `"`
	for name, c := range map[string]struct {
		line string
		want Incoming
	}{
		"answer":               {`{"jsonrpc":"2.0","id":1,"result":{"x":` + big + `}}`, Incoming{Kind: Response, ID: "1", Tag: "tag"}},
		"answer, id last":      {`{"error":{"code":1,"id":7,"message":` + big + `},"id":1}`, Incoming{Kind: Response, ID: "1", Tag: "tag"}},
		"answer that is text":  {`{"id":1,"result":` + big + `}`, Incoming{Kind: Response, ID: "1", Tag: "tag"}},
		"answer to nothing":    {`{"id":2,"result":[` + big + `]}`, Incoming{Kind: Stray, ID: "2"}},
		"request":              {`{"id":1,"method":"a/b","params":{"s":"t","x":` + big + `}}`, Incoming{Kind: Request, ID: "1", Method: "a/b", Params: []byte(`{"s":"t"}`)}},
		"request, ids last":    {`{"params":[` + big + `],"method":"m", "id" : "\u0061" }`, Incoming{}},
		"request, name last":   {`{"params":{"s":1,"x":` + big + `},"method":"m", "id" : "a" }`, Incoming{Kind: Request, ID: `"a"`, Method: "m", Params: []byte(`{"s":1}`)}},
		"request of no name":   {`{"id":1,"params":[` + big + `]}`, Incoming{Kind: Request, ID: "1", Params: []byte(`{}`)}},
		"notification":         {`{"method":"m","params":{"threadId":"T","id":1,"x":` + big + `},"emittedAtMs":7}`, Incoming{Kind: Notification, Method: "m", Params: []byte(`{"id":1,"threadId":"T"}`)}},
		"notification of nil":  {`{"id":null,"method":"m","params":[` + big + `]}`, Incoming{Kind: Notification, Method: "m", Params: []byte(`{}`)}},
		"answer to nobody":     {`{"id":null,"error":{"x":` + big + `}}`, Incoming{}},
		"no message":           {`{"id":1,"x":` + big + `}`, Incoming{}},
		"nested id":            {`{"result":{"x":` + big + `,"id":1}}`, Incoming{}},
		"bad id":               {`{"id":true,"method":"m","params":` + big + `}`, Incoming{}},
		"id that is an object": {`{"id":{"a":` + big + `},"result":1}`, Incoming{}},
		"long method":          {`{"id":1,"method":` + big + `}`, Incoming{}},
		"garbage":              {`{` + big, Incoming{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Peer{}
			p.Call("m", nil, "tag")
			in, err := p.Skipped(ends(c.line))
			if c.want.Kind == 0 {
				if err == nil || len(p.Open()) != 1 {
					t.Fatalf("got %+v, want an error", in)
				}
				return
			}
			if err != nil || !in.Skipped || in.Kind != c.want.Kind || in.ID != c.want.ID || in.Method != c.want.Method || in.Tag != c.want.Tag || string(in.Params) != string(c.want.Params) {
				t.Errorf("got %+v (%v), want %+v", in, err, c.want)
			}
			if answered := in.Error != nil && in.Error.Code == CodeSkipped; answered != (c.want.Kind == Response || c.want.Kind == Stray) {
				t.Errorf("the error is %v", in.Error)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	if line := string((&Peer{Version: true}).TooLong(`"a"`)); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"the request is longer`) {
		t.Errorf("refused with %s", line)
	}
}

// What the ends of a message tell is what Receive tells of the whole, if they
// tell anything.
func FuzzSkipped(f *testing.F) {
	for _, seed := range []string{`{"id":1,"result":{"id":2}}`, `{"error":{},"id":1}`, `{"id":"a","method":"m","params":{"id":2}}`, `{"method":"m","params":[]}`, `{"id":1e0,"result":{}}`} {
		f.Add([]byte(seed), uint8(12))
	}
	f.Fuzz(func(t *testing.T, line []byte, n uint8) {
		whole, part := &Peer{}, &Peer{}
		whole.Call("m", nil, "tag")
		part.Call("m", nil, "tag")
		want, err := whole.Receive(line)
		if err != nil || !strict(line) {
			return
		}
		ends := max(64, int(n)) // what is never long fits in
		got, err := part.Skipped(line[:min(len(line), ends)], line[max(0, len(line)-ends):])
		if err == nil && (got.Kind != want.Kind || got.ID != want.ID || got.Method != want.Method) {
			t.Errorf("%s is taken for %+v, and is %+v", line, got, want)
		}
	})
}

// strict tells whether a line is a message by the book: each field once, and
// only one that may be long.
func strict(line []byte) bool {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(line, &fields)
	if once, _ := json.Marshal(fields); string(once) != string(line) {
		return false
	}
	long := 0
	for name, value := range fields {
		switch name {
		case "params", "result", "error":
			long++
		case "id", "method":
			if len(value) > 16 {
				return false
			}
		case "jsonrpc":
			if string(value) != `"2.0"` {
				return false
			}
		default:
			return false
		}
	}
	return long <= 1
}

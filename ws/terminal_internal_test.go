package ws

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// FuzzTerminalControl: what is accepted is one of the known controls, within
// its bounds.
func FuzzTerminalControl(f *testing.F) {
	for _, seed := range []string{
		`{"type":"resize","rows":24,"cols":80}`, `{"type":"resize","rows":-1,"cols":1e9}`, `{"type":"lease.take"}`,
		`{"type":"screen","rows":5}`, `{"type":"dance"}`, `[]`, `{"type":5}`, `null`, `{"type":"resize","rows":24,"cols":80}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		c, err := decodeControl(message)
		if err != nil {
			if code := protocol.CodeOf(err); code != protocol.CodeInvalidRequest && code != protocol.CodeUnknownType {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		switch c.Type {
		case protocol.ControlResize:
			if c.Rows < protocol.MinTerminalSize || c.Rows > protocol.MaxTerminalRows || c.Cols < protocol.MinTerminalSize || c.Cols > protocol.MaxTerminalCols {
				t.Fatalf("accepted %d by %d", c.Rows, c.Cols)
			}
		case protocol.ControlTake, protocol.ControlRelease, protocol.ControlScreen:
		default:
			t.Fatalf("accepted %q", c.Type)
		}
	})
}

// FuzzTerminalQuery: what is accepted is a place that can be, and a size that a
// terminal can have or none.
func FuzzTerminalQuery(f *testing.F) {
	for _, seed := range []string{"run=a&after=7", "after=head", "after=-1", "after=1e9", "rows=24&cols=80", "rows=24", "rows=x&cols=80", "after=99999999999999999999", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		q, err := parseTerminalQuery(r)
		if err != nil {
			if code := protocol.CodeOf(err); code != protocol.CodeInvalidRequest && code != protocol.CodeInvalidCursor {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if q.after < 0 || q.head && q.after != 0 || (q.rows != 0 || q.cols != 0) && protocol.CheckTerminalSize(q.rows, q.cols) != nil {
			t.Fatalf("accepted %+v", q)
		}
	})
}

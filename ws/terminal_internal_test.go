package ws

import (
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

package protocol_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// The examples of docs/TERMINAL.md are messages, and none of the types is
// without one but screen.
func TestTerminalExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "docs", "TERMINAL.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	decode := func(line string, into any) error {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		return d.Decode(into)
	}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(b, -1) {
		for line := range strings.Lines(string(block[1])) {
			var c protocol.TerminalControl
			var f protocol.TerminalFrame
			var kind struct{ Type string }
			_ = json.Unmarshal([]byte(line), &kind) // what is no JSON fails below
			switch {
			case kind.Type == "" && bytes.Contains(block[1], []byte(`"confidence"`)):
				continue // an item's part
			case decode(line, &c) == nil && c.Validate() == nil:
			case decode(line, &f) != nil:
				t.Errorf("no message: %s", line)
			}
			seen[kind.Type] = true
		}
	}
	all := []string{
		protocol.TerminalHello, protocol.TerminalGap, protocol.TerminalSize, protocol.TerminalLease, protocol.TerminalRefused,
		protocol.TerminalExit, protocol.TerminalGoodbye, protocol.ControlResize, protocol.ControlTake, protocol.ControlRelease, protocol.ControlScreen,
	}
	for _, kind := range all {
		if !seen[kind] {
			t.Errorf("%s has no example", kind)
		}
	}
	for kind := range seen {
		if !slices.Contains(all, kind) {
			t.Errorf("%q is no type", kind)
		}
	}
}

func TestTerminalControlBounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		control protocol.TerminalControl
		code    protocol.Code
	}{
		{protocol.TerminalControl{Type: "resize", Rows: 2, Cols: 2}, ""},
		{protocol.TerminalControl{Type: "resize", Rows: 300, Cols: 500}, ""},
		{protocol.TerminalControl{Type: "resize", Rows: 301, Cols: 500}, protocol.CodeInvalidRequest},
		{protocol.TerminalControl{Type: "resize", Rows: 24}, protocol.CodeInvalidRequest},
		{protocol.TerminalControl{Type: "lease.take", Rows: -1}, ""},
		{protocol.TerminalControl{}, protocol.CodeUnknownType},
	} {
		if err := test.control.Validate(); protocol.CodeOf(err) != test.code {
			t.Errorf("%+v: %v, want %q", test.control, err, test.code)
		}
	}
}

package protocol_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
)

func readDocument(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// decodeExample decodes one line of an example and encodes it again.
func decodeExample(kind, line string) (again []byte, err error) {
	into := map[string]any{"event": new(Event), "state": new(State), "session-create": new(SessionCreate), "error": new(Error)}[kind]
	switch kind {
	case "client-frame":
		f, err := DecodeClientFrame(FormatJSON, []byte(line))
		if err != nil {
			return nil, err
		}
		return EncodeClientFrame(FormatJSON, f)
	case "server-frame":
		ft, body, err := DecodeServerFrame(FormatJSON, []byte(line))
		if err != nil {
			return nil, err
		}
		return AppendFrame(nil, FormatJSON, ft, body)
	case "session-create":
		err = DecodeBody(GuardLimits{}, []byte(line), into)
	default:
		err = json.Unmarshal([]byte(line), into)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(into)
}

// TestDocumentExamples decodes every example of docs/PROTOCOL.md. A field that
// the types do not have would be lost on the way back, and fail the test.
func TestDocumentExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```(.*?)\n(.*?)^```$").FindAllStringSubmatch(readDocument(t), -1)
	if len(blocks) < 10 {
		t.Fatalf("found %d blocks", len(blocks))
	}
	for i, block := range blocks {
		kind, ok := strings.CutPrefix(block[1], "json ")
		if !ok {
			t.Errorf("block %d is tagged %q, want json and what it is", i, block[1])
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(block[2]), "\n") {
			again, err := decodeExample(kind, line)
			if err != nil {
				t.Errorf("%s %s: %v", kind, line, err)
				continue
			}
			want, got := withoutZeros(readAny(t, []byte(line))), withoutZeros(readAny(t, again))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-document +types):\n%s", kind, line, diff)
			}
		}
	}
}

// withoutZeros leaves out fields that say nothing, which may be absent.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for k, e := range v {
			switch e {
			case nil, false, "", json.Number("0"):
			default:
				out[k] = withoutZeros(e)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	}
	return v
}

func TestDocumentNamesEverything(t *testing.T) {
	text := readDocument(t)
	for _, et := range EventTypes() {
		if !strings.Contains(text, "\n| `"+string(et)+"` |") {
			t.Errorf("the event %s has no row", et)
		}
	}
	for _, ft := range FrameTypes() {
		if !strings.Contains(text, `{"type":"`+string(ft)+`"`) {
			t.Errorf("the frame %s has no example", ft)
		}
	}
	for _, c := range Codes() {
		if !strings.Contains(text, "\n| `"+string(c)+"` | "+strconv.Itoa(c.HTTPStatus())+" |") {
			t.Errorf("the code %s has no row with its status", c)
		}
	}
}

package agents

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// skippingTranslator does what a skipped frame's end says: it answers it, or
// gives the process up.
type skippingTranslator struct{ lineTranslator }

func (skippingTranslator) Skipped(head, tail []byte) Output {
	e := ReadEnds(head, tail)
	if e.Text("then") == "break" {
		return Output{Broken: "the frame could be anything"}
	}
	return Output{
		Report: Report{Events: []protocol.Data{
			&protocol.ErrorEvent{Code: "own", Details: json.RawMessage(`{}`)}, &protocol.ErrorEvent{Code: "none"}, &protocol.TurnEnded{Error: &protocol.Failure{}},
			&protocol.TurnEnded{}, &protocol.Notice{Code: "skipped", Message: e.Text("type") + " " + e.Long},
		}},
		Frames: [][]byte{[]byte(`{"type":"user","message":{"content":"line {\"type\":\"answered\"}"}}`)},
		Ready:  e.Text("then") == "ready",
	}
}

// long is a frame of more than 8 KiB.
func long(then string) string {
	return `{"type":"big","body":{"x":"` + strings.Repeat("x", 8<<10) + `"},"then":"` + then + `"}`
}

func skipping(t *testing.T, env ...string) StdioOptions {
	t.Helper()
	o := fakeOptions(t, env...)
	o.Translator, o.MaxLine = skippingTranslator{}, 8<<10
	return o
}

// What a skipped frame leads to is told, sent and done as with others.
func TestSkippedFrame(t *testing.T) {
	f := openFake(t, skipping(t))
	f.prompt("stderr 1")
	for f.Stderr() == nil { // it comes by another pipe
		runtime.Gosched()
	}
	f.prompt("line " + long("answer"))
	seen := f.until("what was skipped", func(d protocol.Data) bool { n, ok := d.(*protocol.Notice); return ok && n.Code == "skipped" })
	if n := seen[len(seen)-1].(*protocol.Notice); n.Message != "big body" || len(unparsed(seen)) != 1 {
		t.Errorf("told %+v after %+v", n, unparsed(seen))
	}
	f.notice("answered")
	for _, d := range seen {
		var details json.RawMessage
		switch d := d.(type) {
		case *protocol.ErrorEvent:
			details = d.Details
		case *protocol.TurnEnded:
			if d.Error == nil {
				continue
			}
			details = d.Error.Details
		default:
			continue
		}
		if got := string(details); got != "{}" && !strings.Contains(got, "stderr line 1") {
			t.Errorf("%+v has the details %s", d, got)
		}
	}
}

// A process that the translator gives up is ended, with its last words.
func TestSkippedFrameBreaks(t *testing.T) {
	f := openFake(t, skipping(t))
	f.prompt("stderr 3 ;; line " + long("break") + " ;; hang")
	e := f.exited()
	if e.Signal != "SIGKILL" || e.Message != "the frame could be anything" || e.Stderr == nil || len(e.Stderr.Head) != 3 {
		t.Errorf("told %+v", e)
	}
}

// During the opening a skipped frame may be its answer, or its end.
func TestSkippedFrameInTheOpening(t *testing.T) {
	scriptOf := func(then string) string {
		return "FAKEAGENT_SCRIPT=" + script(t, t.TempDir()+"/script", "stderr 3\nline "+long(then)+"\nhang")
	}
	openFake(t, skipping(t, scriptOf("ready")))
	_, err := OpenStdio(t.Context(), skipping(t, scriptOf("break")))
	if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), "the frame could be anything") {
		t.Errorf("got %v", err)
	}
}

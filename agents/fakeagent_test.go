package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// fakeAgent builds the scripted agent once and returns its path.
func fakeAgent(t testing.TB) string {
	t.Helper()
	path, err := buildFakeAgent()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// userCache is the user's cache folder; asked for before a test sets HOME.
var userCache, errUserCache = os.UserCacheDir()

var buildFakeAgent = sync.OnceValues(func() (string, error) {
	if errUserCache != nil {
		return "", errUserCache
	}
	dir := filepath.Join(userCache, "towline", "fakeagent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	// One place for all runs. The rename lets another run go on with the
	// file that it has.
	path := filepath.Join(dir, "fakeagent")
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	out, err := exec.Command("go", "build", "-o", fresh, "github.com/towline-dev/towline/testdata/fakeagent").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build the fake agent: %w: %s", err, out)
	}
	return path, os.Rename(fresh, path)
})

// lineTranslator knows just enough to drive the fake agent: a frame of stdout
// becomes a notice with the frame as its message, a prompt becomes a user frame.
type lineTranslator struct{}

func (lineTranslator) Open() [][]byte {
	return [][]byte{[]byte(`{"type":"control_request","request_id":"open","request":{"subtype":"initialize"}}`)}
}

func (lineTranslator) Native(frame []byte) Output {
	var f struct{ Type, Subtype string }
	if err := json.Unmarshal(frame, &f); err != nil {
		return Output{Report: Report{Events: []protocol.Data{Unparsed(frame, "not JSON")}}}
	}
	out := Output{Ready: f.Type == "control_response"}
	if f.Type == "ping" {
		out.Frames = [][]byte{[]byte(`{"type":"pong","fill":"` + strings.Repeat("p", 200) + `"}`)}
	}
	code := strings.Trim(f.Type+"/"+f.Subtype, "/")
	out.Events = []protocol.Data{&protocol.Notice{Code: code, Message: string(frame)}}
	return out
}

func (lineTranslator) Command(c Command) (Output, error) {
	switch c := c.(type) {
	case *Prompt:
		text, err := json.Marshal(c.Content[0].Text)
		return Output{
			Report: Report{Events: []protocol.Data{&protocol.Notice{Code: "sent"}}},
			Frames: [][]byte{[]byte(`{"type":"user","message":{"content":` + string(text) + `}}`)},
		}, err
	case *Interrupt:
		return Output{Frames: [][]byte{[]byte(`{"type":"control_request","request_id":"i","request":{"subtype":"interrupt"}}`)}}, nil
	case *RejectQuestion: // stands for a translator's mistake
		return Output{Frames: [][]byte{[]byte("{\n}")}}, nil
	default:
		return Output{}, protocol.Errorf(protocol.CodeCapabilityMissing, "the fake agent cannot do this")
	}
}

// fakeOptions are options for the fake agent, with short delays.
func fakeOptions(t testing.TB, env ...string) StdioOptions {
	t.Helper()
	return StdioOptions{
		Process: ProcessOptions{
			Path: fakeAgent(t), Dir: t.TempDir(), SessionID: t.Name(), StateDir: t.TempDir(),
			Env: append(Environment{}.Build(os.Environ()), env...),
		},
		Translator: lineTranslator{}, Version: "2.1.330",
		Stop: StopOptions{TermAfter: 100 * time.Millisecond, KillAfter: 300 * time.Millisecond},
	}
}

// fake is an open connection to the fake agent, whose reports are gathered.
type fake struct {
	*Stdio
	t       testing.TB
	reports chan Report
	drained chan struct{}
}

func openFake(t testing.TB, o StdioOptions) *fake {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := OpenStdio(ctx, o)
	if err != nil {
		t.Fatalf("cannot open: %v", err)
	}
	f := &fake{Stdio: s, t: t, reports: make(chan Report, 1<<20), drained: make(chan struct{})}
	go func() {
		defer close(f.drained)
		defer close(f.reports)
		for {
			batch, err := s.Recv()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("Recv ended with %v", err)
				}
				return
			}
			for _, r := range batch {
				f.reports <- r
			}
		}
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("cannot close: %v", err)
		}
		<-f.drained
	})
	return f
}

// prompt sends a prompt.
func (f *fake) prompt(text string) {
	f.t.Helper()
	if err := f.sendPrompt(text, 10*time.Second); err != nil {
		f.t.Fatalf("cannot send %.40q: %v", text, err)
	}
}

func (f *fake) sendPrompt(text string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	return f.Send(ctx, &Prompt{Content: []Content{{Part: protocol.TextPart(text)}}})
}

// until gathers events up to the first that is wanted.
func (f *fake) until(what string, wanted func(protocol.Data) bool) []protocol.Data {
	f.t.Helper()
	limit := time.After(20 * time.Second)
	var seen []protocol.Data
	for {
		select {
		case r, ok := <-f.reports:
			if !ok {
				f.t.Fatalf("the connection ended before %s came; %d events before", what, len(seen))
			}
			for _, e := range r.Events {
				seen = append(seen, e)
				if wanted(e) {
					return seen
				}
			}
		case <-limit:
			f.t.Fatalf("%s did not come; %d events before", what, len(seen))
		}
	}
}

// notice waits for a frame of that type and returns it.
func (f *fake) notice(code string) string {
	f.t.Helper()
	seen := f.until(code, func(e protocol.Data) bool {
		n, ok := e.(*protocol.Notice)
		return ok && n.Code == code
	})
	return seen[len(seen)-1].(*protocol.Notice).Message
}

// exited waits for the end of the process and of the reports.
func (f *fake) exited() *protocol.AgentExited {
	f.t.Helper()
	seen := f.until("agent.exited", func(e protocol.Data) bool { _, ok := e.(*protocol.AgentExited); return ok })
	if r, ok := <-f.reports; ok {
		f.t.Errorf("a report came after agent.exited: %+v", r)
	}
	return seen[len(seen)-1].(*protocol.AgentExited)
}

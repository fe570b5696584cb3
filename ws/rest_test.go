package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/ws"
)

func TestProblems(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	for _, c := range []struct {
		method, path, body, kind string
		status                   int
		code                     protocol.Code
	}{
		{"GET", "/v1/none", "", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/sessions/none", "", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/sessions/s/blobs/none", "", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/agents/none", "", "", 404, protocol.CodeAgentUnknown},
		{"POST", "/v1/sessions/s/events", "{}", "application/json", 405, protocol.CodeInvalidRequest},
		{"PUT", "/v1/sessions/s", "{}", "application/json", 405, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", `{"agent":"none"}`, "application/json", 400, protocol.CodeAgentUnknown},
		{"POST", "/v1/sessions", `{"agent":"mock","id":"s"}`, "application/json", 409, protocol.CodeSessionExists},
		{"POST", "/v1/sessions", `{"agent":"mock","id":"../s"}`, "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", `{"agent":1}`, "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", `{"agent":"a","agent":"b"}`, "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", strings.Repeat("[", 100_000), "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", `{"agent":"mock"}`, "text/plain", 415, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions", strings.Repeat(" ", 2<<20), "application/json", 413, protocol.CodeTooLarge},
		{"POST", "/v1/sessions/s/commands", `{"type":"no.such","id":"1"}`, "application/json", 400, protocol.CodeUnknownType},
		{"POST", "/v1/sessions/s/commands", `{"type":"session.create","id":"1","agent":"mock"}`, "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions/s/fork", `{"id":"../x"}`, "application/json", 400, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions/none/fork", `{}`, "application/json", 404, protocol.CodeNotFound},
		{"GET", "/v1/sessions?limit=0", "", "", 400, protocol.CodeInvalidRequest},
		{"GET", "/v1/sessions/s/events?after=x", "", "", 400, protocol.CodeInvalidCursor},
		{"GET", "/v1/sessions/s/events?after=1&before=2", "", "", 400, protocol.CodeInvalidRequest},
		{"GET", "/v1/sessions/s/ws", "", "", 426, protocol.CodeInvalidRequest},
		{"POST", "/v1/sessions/s/blobs", "x", "", 415, protocol.CodeInvalidRequest},
	} {
		t.Run(c.method+" "+c.path+" "+string(c.code), func(t *testing.T) {
			var body io.Reader
			if c.body != "" {
				body = strings.NewReader(c.body)
			}
			req := f.request(c.method, c.path, body)
			req.Header.Del("Content-Type")
			if c.kind != "" {
				req.Header.Set("Content-Type", c.kind)
			}
			res, text := f.do(req)
			var p problem
			if err := json.Unmarshal(text, &p); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if res.StatusCode != c.status || p.Status != c.status || p.Code != c.code || p.Detail == "" {
				t.Errorf("%s: %s, want %d %s", res.Status, text, c.status, c.code)
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
			for _, h := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"} {
				if res.Header.Get(h) == "" {
					t.Errorf("no %s", h)
				}
			}
		})
	}
}

func TestSessionsOverHTTP(t *testing.T) {
	f := serve(t, nil)
	for _, id := range []string{"a", "b", "c"} {
		f.create(id)
	}
	var page protocol.SessionPage
	f.call("GET", "/v1/sessions?limit=2", nil, 200, &page)
	if len(page.Sessions) != 2 || page.Sessions[0].ID != "c" || page.Next == "" {
		t.Errorf("first page %+v", page)
	}
	var rest protocol.SessionPage
	f.call("GET", "/v1/sessions?limit=2&before="+page.Next, nil, 200, &rest)
	if len(rest.Sessions) != 1 || rest.Sessions[0].ID != "a" || rest.Next != "" {
		t.Errorf("second page %+v", rest)
	}
	var info protocol.Session
	f.call("PATCH", "/v1/sessions/a", map[string]string{"title": "T"}, 200, &info)
	if info.Title != "T" {
		t.Errorf("patched %+v", info)
	}
	var state protocol.State
	f.call("GET", "/v1/sessions/a/state", nil, 200, &state)
	if state.Title != "T" {
		t.Errorf("state %+v", state)
	}
	f.withEvents("d")
	var fork protocol.Session
	f.call("POST", "/v1/sessions/d/fork", map[string]string{"id": "e"}, 201, &fork)
	if fork.ID != "e" || fork.ForkedOf != "d" {
		t.Errorf("fork %+v", fork)
	}
	var items protocol.ItemPage
	f.call("GET", "/v1/sessions/d/items", nil, 200, &items)
	if len(items.Items) == 0 {
		t.Error("no items")
	}
}

func TestAgentsOverHTTP(t *testing.T) {
	f := serve(t, nil)
	var list struct {
		Agents []protocol.AgentInfo `json:"agents"`
	}
	f.call("GET", "/v1/agents", nil, 200, &list)
	if len(list.Agents) != 2 || list.Agents[1].Name != "mock" || list.Agents[1].Status != "ready" {
		t.Errorf("%+v", list)
	}
	var info protocol.AgentInfo
	f.call("GET", "/v1/agents/mock", nil, 200, &info)
	if info.Name != "mock" {
		t.Errorf("%+v", info)
	}
	var p problem
	f.call("POST", "/v1/agents/mock/install", nil, 502, &p)
	if p.Code != protocol.CodeInstallFailed {
		t.Errorf("%+v", p)
	}
}

func TestNativeSessionsOverHTTP(t *testing.T) {
	f := serve(t, nil)
	dir := t.TempDir()
	var list protocol.NativeSessions
	f.call("GET", "/v1/agents/lister/sessions?directory="+url.QueryEscape(dir), nil, 200, &list)
	if len(list.Sessions) != 1 || list.Sessions[0].NativeSessionID != "n1" || list.Sessions[0].Directory != dir {
		t.Errorf("%+v", list)
	}
	for path, code := range map[string]protocol.Code{
		"lister/sessions?directory=../x":          protocol.CodeInvalidRequest,
		"lister/sessions?directory=/no/such/path": protocol.CodeInvalidRequest,
		"mock/sessions":                           protocol.CodeCapabilityMissing,
	} {
		var p problem
		f.call("GET", "/v1/agents/"+path, nil, 400, &p)
		if p.Code != code {
			t.Errorf("%s: %+v, want %s", path, p, code)
		}
	}
}

func TestInstallTellsItsProgress(t *testing.T) {
	fail := false
	f := serve(t, func(o *ws.Options) {
		o.Install = func(_ context.Context, agent string, progress func(protocol.InstallProgress)) error {
			progress(protocol.InstallProgress{Phase: "download", Done: 1, Total: 2, Message: agent})
			if fail {
				return protocol.Errorf(protocol.CodeInstallFailed, "no network; try again")
			}
			return nil
		}
	})
	install := func() *bufio.Reader {
		req := f.request("POST", "/v1/agents/mock/install", nil)
		req.Header.Set("Accept", "text/event-stream")
		_, text := f.do(req)
		return bufio.NewReader(bytes.NewReader(text))
	}
	out := install()
	if _, step := upTo(t, out, "progress"); !strings.Contains(step.data, `"message":"mock"`) {
		t.Errorf("progress %+v", step)
	}
	if _, end := upTo(t, out, "done"); !strings.Contains(end.data, `"status":"ready"`) {
		t.Errorf("done %+v", end)
	}
	fail = true
	if _, end := upTo(t, install(), "failed"); !strings.Contains(end.data, "install_failed") {
		t.Errorf("failed %+v", end)
	}
}

func TestBlobsWithRanges(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Limits.UploadBytes = 1000 })
	f.create("s")
	req := f.request("POST", "/v1/sessions/s/blobs", strings.NewReader("0123456789"))
	req.Header.Set("Content-Type", "text/html")
	res, text := f.do(req)
	var blob protocol.Blob
	if err := json.Unmarshal(text, &blob); err != nil || res.StatusCode != 201 || blob.Bytes != 10 {
		t.Fatalf("%s: %s", res.Status, text)
	}
	req = f.request("GET", "/v1/sessions/s/blobs/"+blob.ID, nil)
	req.Header.Set("Range", "bytes=2-4")
	res, text = f.do(req)
	if res.StatusCode != http.StatusPartialContent || string(text) != "234" {
		t.Errorf("range: %s %q", res.Status, text)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") {
		t.Errorf("a browser could run the blob: %q", csp)
	}
	req = f.request("GET", "/v1/sessions/s/blobs/"+blob.ID, nil)
	req.Header.Set("Range", "bytes=20-")
	if res, _ = f.do(req); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range beyond the end: %s", res.Status)
	}
	req = f.request("POST", "/v1/sessions/s/blobs", bytes.NewReader(make([]byte, 1001)))
	if res, _ = f.do(req); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %s", res.Status)
	}
}

// sseEvent is one event of a stream.
type sseEvent struct{ id, name, data string }

// readSSE reads the next event; comments count as events named by a colon.
func readSSE(r *bufio.Reader) (sseEvent, error) {
	var e sseEvent
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			return e, nil
		case line[0] == ':':
			e.name = ":"
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data = value
		}
	}
}

// stream opens an event stream.
func (f *fixture) stream(path, lastID string) *bufio.Reader {
	f.t.Helper()
	req := f.request("GET", path, nil)
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		f.t.Fatalf("%s %v", res.Status, res.Header)
	}
	return bufio.NewReader(res.Body)
}

// upTo returns a stream's universal events up to the first other of a name.
func upTo(t testing.TB, r *bufio.Reader, name string) (events []sseEvent, end sseEvent) {
	t.Helper()
	for {
		e, err := readSSE(r)
		switch {
		case err != nil:
			t.Fatalf("no %s: %v", name, err)
		case e.name == name:
			return events, e
		case e.name == "" && e.data != "":
			events = append(events, e)
		}
	}
}

func TestR07_SSEParity(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.Timeouts.Comment = 50 * time.Millisecond })
	last := f.withEvents("s")
	c := f.dial("/v1/sessions/s/ws")
	next[*protocol.Live](c)

	stream := f.stream("/v1/sessions/s/events", "")
	all, _ := upTo(t, stream, "live")
	if len(all) != len(c.seen) || uint64(len(all)) != last {
		t.Fatalf("%d events over SSE, %d over the socket, head %d", len(all), len(c.seen), last)
	}
	for i, e := range all {
		want, err := c.seen[i].MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if e.data != string(want) || e.id != (protocol.Cursor{After: c.seen[i].Seq}).String() {
			t.Errorf("event %d: id %s, %s; the socket had %s", i, e.id, e.data, want)
		}
	}
	upTo(t, stream, ":")
	rest, _ := upTo(t, f.stream("/v1/sessions/s/events", "3"), "live")
	if len(rest) != len(all)-3 || rest[0] != all[3] {
		t.Errorf("after 3: %d events", len(rest))
	}
	if _, gap := upTo(t, f.stream("/v1/sessions/s/events", "99999"), "gap"); gap.id != (protocol.Cursor{After: last}).String() {
		t.Errorf("gap %+v", gap)
	}
	go f.stop()
	if _, bye := upTo(t, stream, "goodbye"); !strings.Contains(bye.data, "draining") {
		t.Errorf("goodbye %+v", bye)
	}
}

func TestExportAndPages(t *testing.T) {
	f := serve(t, nil)
	last := f.withEvents("s")
	req := f.request("GET", "/v1/sessions/s/events", nil)
	req.Header.Set("Accept", "application/x-ndjson")
	res, text := f.do(req)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if res.StatusCode != 200 || uint64(len(lines)) != last {
		t.Fatalf("%s: %d lines, head %d", res.Status, len(lines), last)
	}
	var paged []protocol.Event
	for after := uint64(0); ; {
		var page protocol.EventPage
		f.call("GET", "/v1/sessions/s/events?limit=2&after="+(protocol.Cursor{After: after}).String(), nil, 200, &page)
		paged = append(paged, page.Events...)
		if after = page.Last; !page.More {
			break
		}
	}
	dense(t, paged, 1)
	if uint64(len(paged)) != last {
		t.Errorf("%d events in pages, head %d", len(paged), last)
	}
	for i, line := range lines {
		want, err := paged[i].MarshalJSON()
		if err != nil || line != string(want) {
			t.Errorf("line %d: %s, want %s (%v)", i, line, want, err)
		}
	}
	var newest protocol.EventPage
	f.call("GET", "/v1/sessions/s/events?limit=2&before="+(protocol.Cursor{After: last}).String(), nil, 200, &newest)
	if len(newest.Events) != 2 || newest.Events[1].Seq != last-1 {
		t.Errorf("before the head: %+v", newest)
	}
}

func TestPreflight(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.AllowOrigins = []string{"https://app.example"} })
	req := f.request("OPTIONS", "/v1/sessions", nil)
	req.Header.Del("Authorization")
	req.Header.Set("Origin", "https://app.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	res, _ := f.do(req)
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	req.Header.Set("Origin", "https://evil.example")
	if res, _ = f.do(req); res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign origin: %s", res.Status)
	}
}

package clientlib

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// answers is a server with one answer for each request line.
func answers(t *testing.T, byRequest map[string]string) *Client {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s %s came without the token", r.Method, r.URL)
		}
		a, ok := byRequest[r.Method+" "+r.URL.RequestURI()]
		if !ok {
			t.Errorf("the client asked for %s %s", r.Method, r.URL.RequestURI())
		}
		_, _ = io.WriteString(w, a)
	}), WithToken("secret"))
}

func TestRequestsAndAnswers(t *testing.T) {
	session := `{"id":"s1","agent":"mock"}`
	c := answers(t, map[string]string{
		"GET /v1/agents":      `{"agents":[{"name":"mock"}]}`,
		"GET /v1/agents/mock": `{"name":"mock"}`,
		"GET /v1/agents/mock/sessions?directory=%2Fw+1":            `{"sessions":[{"native_session_id":"n1"}],"truncated":true}`,
		"POST /v1/sessions":                                        session,
		"GET /v1/sessions?agent=mock&before=b&limit=5&status=idle": `{"sessions":[` + session + `],"next":"n"}`,
		"GET /v1/sessions/s1":                                      session,
		"PATCH /v1/sessions/s1":                                    session,
		"DELETE /v1/sessions/s1":                                   "",
		"POST /v1/sessions/s1/fork":                                session,
		"GET /v1/sessions/s1/items?before=9&limit=2":               `{"items":[{"id":"i1"}],"before":3}`,
		"GET /v1/sessions/s1/state":                                `{"seq":4,"status":"idle"}`,
		"GET /v1/sessions/s1/events?after=2":                       `{"events":[],"last":2,"head":2}`,
		"GET /v1/sessions/s1/events":                               "{}\n{}\n",
		"GET /v1/sessions/s1/blobs/b1":                             "bytes",
		"POST /v1/sessions/s1/blobs":                               `{"id":"b2","bytes":3}`,
		"POST /v1/tickets":                                         `{"ticket":"t","expires_at":"2026-01-01T00:00:00.000Z"}`,
		"POST /v1/sessions/s1/commands":                            `{"id":"k","ok":true,"data":{"prompt_id":"m1"}}`,
		"POST /v1/agents/mock/install":                             "event: progress\ndata: {\"phase\":\"download\"}\n\nevent: done\ndata: {\"name\":\"mock\"}\n\n",
	})
	ctx := t.Context()
	steps := 0
	calls := []func() (any, error){
		func() (any, error) { a, err := c.Agents(ctx); return a[0].Name, err },
		func() (any, error) { a, err := c.Agent(ctx, "mock"); return a.Name, err },
		func() (any, error) {
			l, err := c.NativeSessions(ctx, "mock", "/w 1")
			return l.Sessions[0].NativeSessionID, err
		},
		func() (any, error) {
			s, err := c.CreateSession(ctx, protocol.SessionCreate{SessionID: "s1", Agent: "mock"})
			return s.ID, err
		},
		func() (any, error) {
			p, err := c.Sessions(ctx, SessionFilter{Agent: "mock", Status: protocol.StatusIdle, Before: "b", Limit: 5})
			return p.Sessions[0].ID + p.Next, err
		},
		func() (any, error) { s, err := c.Session(ctx, "s1"); return s.ID, err },
		func() (any, error) { s, err := c.Configure(ctx, "s1", protocol.SessionConfigure{}); return s.ID, err },
		func() (any, error) { return "", c.Delete(ctx, "s1") },
		func() (any, error) { s, err := c.Fork(ctx, "s1", protocol.SessionCreate{}); return s.ID, err },
		func() (any, error) { p, err := c.Items(ctx, "s1", 9, 2); return p.Before, err },
		func() (any, error) { s, err := c.State(ctx, "s1"); return s.Seq, err },
		func() (any, error) { p, err := c.Events(ctx, "s1", 2, 0); return p.Last, err },
		func() (any, error) { return readAll(c.Export(ctx, "s1")) },
		func() (any, error) { return readAll(c.Blob(ctx, "s1", "b1")) },
		func() (any, error) {
			b, err := c.Upload(ctx, "s1", "text/plain", strings.NewReader("abc"))
			return b.ID, err
		},
		func() (any, error) {
			k, err := c.Ticket(ctx, TicketRequest{Scopes: []string{"read"}})
			return k.Ticket, err
		},
		func() (any, error) {
			r, err := c.Command(ctx, "s1", "k", &protocol.Prompt{Text: "x"})
			return string(r.Data), err
		},
		func() (any, error) {
			err := c.Install(ctx, "mock", func(protocol.InstallProgress) { steps++ })
			return steps, err
		},
	}
	want := `[mock mock n1 s1 s1n s1 s1  s1 3 4 2 {}
{}
 bytes b2 t {"prompt_id":"m1"} 1]`
	var got []any
	for _, call := range calls {
		v, err := call()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	if s := fmt.Sprint(got); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func readAll(r io.ReadCloser, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestRefusalsKeepTheirCodes(t *testing.T) {
	cases := []struct {
		status int
		body   string
		code   protocol.Code
		text   string
	}{
		{404, `{"code":"not_found","title":"x","detail":"there is no such session"}`, protocol.CodeNotFound, "there is no such session"},
		{409, `{"id":"k","ok":false,"error":{"code":"busy","message":"a turn is open"}}`, protocol.CodeBusy, "a turn is open"},
		{502, `<html>`, protocol.CodeInternal, "502"},
		{401, ``, protocol.CodeUnauthorized, "401"},
		{403, ``, protocol.CodeForbidden, "403"},
		{413, ``, protocol.CodeTooLarge, "413"},
		{429, ``, protocol.CodeRateLimited, "429"},
		{503, ``, protocol.CodeDraining, "503"},
		{400, ``, protocol.CodeInvalidRequest, "400"},
	}
	for _, c := range cases {
		rec := httptest.NewRecorder()
		rec.WriteHeader(c.status)
		_, _ = rec.WriteString(c.body)
		e := refusal(rec.Result())
		if protocol.CodeOf(e) != c.code || !strings.Contains(e.Error(), c.text) {
			t.Errorf("status %d: got %v, want %s with %q", c.status, e, c.code, c.text)
		}
	}
}

func TestInstallFailures(t *testing.T) {
	failed, err := json.Marshal(protocol.InstallProgress{Phase: "failed", Error: protocol.Errorf(protocol.CodeInstallFailed, "no network")})
	if err != nil {
		t.Fatal(err)
	}
	for body, text := range map[string]string{
		"event: failed\ndata: " + string(failed) + "\n\n":     "no network",
		"event: progress\ndata: {\"phase\":\"download\"}\n\n": "stopped reporting",
		"event: progress\ndata: not json\n\n":                 "cannot read",
		"data: " + strings.Repeat("x", maxSSELine+1):          "cannot follow",
	} {
		if err := followInstall(strings.NewReader(body), nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	for _, address := range []string{"", "localhost:7420", "ftp://x", "http://"} {
		if _, err := Dial(t.Context(), address); err == nil || !strings.Contains(err.Error(), "write it like") {
			t.Errorf("%q: got %v", address, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, "http://127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

package ws_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/ws"
)

// routeScopes is the table that the route sweep checks the server against: a
// new route must be entered here, with the scope that it needs.
var routeScopes = map[string]string{
	"GET /healthz":                       "",
	"GET /v1/ws":                         "read",
	"GET /v1/sessions/{id}/ws":           "read",
	"GET /v1/sessions/{id}/events":       "read",
	"GET /v1/sessions/{id}/terminal":     "read",
	"GET /v1/agents":                     "read",
	"GET /v1/agents/{agent}":             "read",
	"GET /v1/agents/{agent}/sessions":    "admin",
	"POST /v1/agents/{agent}/install":    "admin",
	"GET /v1/sessions":                   "read",
	"POST /v1/sessions":                  "admin",
	"GET /v1/sessions/{id}":              "read",
	"PATCH /v1/sessions/{id}":            "configure",
	"DELETE /v1/sessions/{id}":           "admin",
	"POST /v1/sessions/{id}/fork":        "admin",
	"GET /v1/sessions/{id}/items":        "read",
	"GET /v1/sessions/{id}/state":        "read",
	"POST /v1/sessions/{id}/blobs":       "prompt",
	"GET /v1/sessions/{id}/blobs/{blob}": "read",
	"POST /v1/sessions/{id}/commands":    "read",
	"POST /v1/tickets":                   "admin",
}

func TestU01_RouteSweep(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	fill := strings.NewReplacer("{id}", "s", "{agent}", "mock", "{blob}", "b")
	seen := 0
	for _, r := range f.server.Routes() {
		key := r.Method + " " + r.Path
		want, known := routeScopes[key]
		if !known || want != r.Scope {
			t.Errorf("%s needs scope %q, the table says %q (known: %v)", key, r.Scope, want, known)
		}
		seen++
		path := fill.Replace(r.Path)
		req := f.request(r.Method, path, nil)
		req.Header.Del("Authorization")
		if status := f.status(req); (status == http.StatusUnauthorized) == (r.Path == "/healthz") {
			t.Errorf("%s without credential: %d", key, status)
		}
		if r.Path == "/healthz" {
			continue
		}
		req = f.request(r.Method, path+"?limit=1&ticket="+f.ticket("", "read"), nil)
		req.Header.Del("Authorization")
		if status := f.status(req); (status == http.StatusForbidden) == (r.Method == "GET" && want == "read") {
			t.Errorf("%s with a read ticket: %d", key, status)
		}
		req = f.request(r.Method, path+"?ticket="+f.ticket("", "files"), nil)
		req.Header.Del("Authorization")
		if status := f.status(req); status != http.StatusForbidden {
			t.Errorf("%s without its scope: %d", key, status)
		}
	}
	if seen != len(routeScopes) {
		t.Errorf("%d routes, the table has %d", seen, len(routeScopes))
	}
}

// status sends a request and returns the answer's status.
func (f *fixture) status(req *http.Request) int {
	f.t.Helper()
	res, _ := f.do(req)
	return res.StatusCode
}

func TestU02_Handshake(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	f.create("other")
	used := f.ticket("s", "read")
	encoded := func(s string) string { return "bearer." + base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		name, header, query string
		protocols           []string
		status              int
	}{
		{"no token", "", "", nil, 401},
		{"wrong", "Bearer wrong", "", nil, 401},
		{"empty", "Bearer ", "", nil, 401},
		{"other scheme", "Basic " + token, "", nil, 401},
		{"in the query", "", "?token=" + token, nil, 400},
		{"in the query beside a good one", "Bearer " + token, "?token=" + token, nil, 400},
		{"in the subprotocol", "", "", []string{encoded(token), protocol.SubprotocolJSON}, 101},
		{"wrong in the subprotocol", "", "", []string{encoded("x")}, 401},
		{"ticket", "", "?ticket=" + used, nil, 101},
		{"ticket twice", "", "?ticket=" + used, nil, 401},
		{"ticket of another session", "", "?ticket=" + f.ticket("other", "read"), nil, 403},
		{"ticket without read", "", "?ticket=" + f.ticket("s", "prompt"), nil, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			if c.header != "" {
				header.Set("Authorization", c.header)
			}
			client, res, err := f.tryDial("/v1/sessions/s/ws"+c.query, header, c.protocols...)
			if res == nil || res.StatusCode != c.status {
				t.Fatalf("status %v, want %d (%v)", res, c.status, err)
			}
			if c.status == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("401 without WWW-Authenticate")
			}
			if client == nil {
				return
			}
			if p := client.conn.Subprotocol(); strings.HasPrefix(p, "bearer") {
				t.Errorf("the token was echoed in %q", p)
			}
			next[*protocol.Live](client)
			_ = client.conn.CloseNow()
		})
	}
}

func TestU03_OriginAndHost(t *testing.T) {
	var audit bytes.Buffer
	f := serve(t, func(o *ws.Options) {
		o.AllowOrigins, o.AllowHosts = []string{"https://app.example"}, []string{"towline.example", "*"}
		o.Log = zerolog.New(&audit)
	})
	f.create("s")
	_, port, _ := net.SplitHostPort(f.addr)
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{"127.0.0.1:" + port, "", 200},
		{"LOCALHOST.:" + port, "", 200},
		{"[::1]:" + port, "", 200},
		{"towline.example", "", 200},
		{"towline.example", "https://towline.example", 200},
		{"evil.example", "", 403},
		{"evil.example", "http://evil.example", 403},
		{"evil.example", "https://app.example", 403},
		{"127.0.0.1:" + port, "null", 403},
		{"127.0.0.1:" + port, "http://evil.example", 403},
		{"127.0.0.1:" + port, "http://127.0.0.1:1", 403},
		{"127.0.0.1:" + port, "http://127.0.0.1:" + port, 200},
		{"127.0.0.1:" + port, "https://app.example", 200},
		{"", "", 400},
	} {
		for _, path := range []string{"/healthz", "/v1/sessions", "/v1/sessions/s/events"} {
			t.Run(c.host+" "+c.origin+" "+path, func(t *testing.T) {
				res := f.bare(c.host, c.origin, path)
				if res.StatusCode != c.status {
					t.Errorf("status %d, want %d", res.StatusCode, c.status)
				}
			})
		}
	}
	f.stop()
	if strings.Contains(audit.String(), token) || !strings.Contains(audit.String(), "request refused") {
		t.Errorf("the audit log lacks refusals or holds the token: %s", audit.String())
	}
}

// bare sends a GET with any Host, over HTTP/1.0 so that it may be missing.
func (f *fixture) bare(host, origin, path string) *http.Response {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nAuthorization: Bearer %s\r\n", path, token)
	if host != "" {
		fmt.Fprintf(conn, "Host: %s\r\n", host)
	}
	if origin != "" {
		fmt.Fprintf(conn, "Origin: %s\r\n", origin)
	}
	fmt.Fprint(conn, "\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

func TestU05_Guessing(t *testing.T) {
	f := serve(t, func(o *ws.Options) { o.TrustProxy = true })
	get := func(tok, from string) (int, http.Header) {
		req := f.request("GET", "/v1/sessions", nil)
		req.Header.Set("Authorization", "Bearer "+tok)
		req.Header.Set("X-Forwarded-For", "9.9.9.9, "+from)
		res, _ := f.do(req)
		return res.StatusCode, res.Header
	}
	for i := range 10 {
		if status, _ := get("wrong", "1.1.1.1"); status != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i+1, status)
		}
	}
	for _, tok := range []string{"wrong", token} {
		status, header := get(tok, "1.1.1.1")
		if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
			t.Errorf("after ten guesses: %d, Retry-After %q", status, header.Get("Retry-After"))
		}
	}
	if status, _ := get(token, "2.2.2.2"); status != http.StatusOK {
		t.Errorf("another address: %d", status)
	}
}

func TestS8_ScopesArePerMessage(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	var before protocol.EventPage
	f.call("GET", "/v1/sessions/s/events", nil, 200, &before)
	c, _, err := f.tryDial("/v1/sessions/s/ws?ticket="+f.ticket("s", "read"), nil)
	if err != nil {
		t.Fatal(err)
	}
	title := "x"
	for _, cmd := range []protocol.Command{
		&protocol.Prompt{Text: "hello"}, &protocol.PromptWithdraw{PromptID: "m1"}, &protocol.TurnInterrupt{},
		&protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow}, &protocol.QuestionReject{QuestionID: "q1"},
		&protocol.QuestionAnswer{QuestionID: "q1", Answers: [][]string{{"a"}}},
		&protocol.SessionConfigure{Title: &title}, &protocol.SessionEnd{},
	} {
		if r := c.do(cmd); r.OK || r.Error.Code != protocol.CodeForbidden {
			t.Errorf("%s: %+v", cmd.FrameType(), r)
		}
	}
	if !c.do(&protocol.Ping{}).OK || !c.do(&protocol.EventsRead{}).OK {
		t.Error("reading was refused")
	}
	var after protocol.EventPage
	f.call("GET", "/v1/sessions/s/events", nil, 200, &after)
	if after.Head != before.Head {
		t.Errorf("the head moved from %d to %d", before.Head, after.Head)
	}
}

func TestTicketRequests(t *testing.T) {
	f := serve(t, nil)
	for body, code := range map[string]protocol.Code{
		`{}`: protocol.CodeInvalidRequest, `{"scopes":["root"]}`: protocol.CodeInvalidRequest,
		`{"scopes":["read"],"ttl_s":301}`: protocol.CodeInvalidRequest, `{"scopes":["read"],"session_id":"none"}`: protocol.CodeNotFound,
	} {
		res, text := f.do(f.request("POST", "/v1/tickets", body))
		var p problem
		if err := json.Unmarshal(text, &p); err != nil || p.Code != code || p.Status != res.StatusCode {
			t.Errorf("%s: %s (%v)", body, text, err)
		}
	}
}

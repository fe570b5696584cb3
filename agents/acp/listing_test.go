package acp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/protocol"
)

// page is one session and where the next page begins.
func page(id, next string) string {
	return fmt.Sprintf(`{"sessions":[{"sessionId":%q,"cwd":"/w","title":"a\nb","updatedAt":"2026-01-02T03:04:05.678Z"}],"nextCursor":%q}`, id, next)
}

func TestListingTakesPages(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	native := func(id string) protocol.NativeSession {
		return protocol.NativeSession{NativeSessionID: id, Title: "a⏎b", Directory: "/w", UpdatedAt: &at}
	}
	many := strings.TrimSuffix(strings.Repeat(`{"sessionId":"s"},`, maxListed+1), ",")
	for name, c := range map[string]struct {
		pages []string
		next  []string
		want  protocol.NativeSessions
	}{
		"none":           {[]string{`{"sessions":[]}`}, []string{""}, protocol.NativeSessions{}},
		"two pages":      {[]string{page("a", "x"), page("b", "")}, []string{"x", ""}, protocol.NativeSessions{Sessions: []protocol.NativeSession{native("a"), native("b")}}},
		"a circle":       {[]string{page("a", "x"), page("b", "x")}, []string{"x", ""}, protocol.NativeSessions{Sessions: []protocol.NativeSession{native("a"), native("b")}, Truncated: true}},
		"an empty page":  {[]string{`{"sessions":[],"nextCursor":"x"}`}, []string{""}, protocol.NativeSessions{Truncated: true}},
		"no id, no date": {[]string{`{"sessions":[{"title":"x"},{"sessionId":"a","updatedAt":"soon"}]}`}, []string{""}, protocol.NativeSessions{Sessions: []protocol.NativeSession{{NativeSessionID: "a"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var l listing
			for i, p := range c.pages {
				if next, ok := l.take(json.RawMessage(p)); !ok || next != c.next[i] {
					t.Fatalf("page %d: %q, %v", i, next, ok)
				}
			}
			if diff := cmp.Diff(c.want, l.NativeSessions); diff != "" {
				t.Error(diff)
			}
		})
	}
	var l listing
	if next, ok := l.take(json.RawMessage(`{"sessions":[` + many + `],"nextCursor":"x"}`)); !ok || next != "" || len(l.Sessions) != maxListed || !l.Truncated {
		t.Errorf("of too many: %d, %q, %v, truncated: %v", len(l.Sessions), next, ok, l.Truncated)
	}
	for _, bad := range []string{`{}`, `{"sessions":null}`, `[]`, `{"sessions":[1]}`} {
		if _, ok := l.take(json.RawMessage(bad)); ok {
			t.Errorf("%s is taken", bad)
		}
	}
}

// An agent is asked page by page, and ended; what it cannot do is said.
func TestSessions(t *testing.T) {
	const listing = `read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"sessionCapabilities":{"list":{}}}}}'
read line; case "$line" in *session/list*) ;; *) exit 9;; esac; `
	for name, c := range map[string]struct {
		script string
		count  int
		code   protocol.Code
		says   string
	}{
		"two pages": {listing + `printf '%s\n' '{"jsonrpc":"2.0","id":2,"result":` + page("a", "next") + `}'
read line; case "$line" in *'"cursor":"next"'*) ;; *) exit 8;; esac; printf '%s\n' '{"jsonrpc":"2.0","id":3,"result":` + page("b", "") + `}'; exec cat >/dev/null`, 2, "", ""},
		"does not list": {`read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; exec cat >/dev/null`, 0, protocol.CodeCapabilityMissing, "does not list"},
		"refuses":       {listing + `echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"disk full"}}'; exec cat >/dev/null`, 0, protocol.CodeAgentStartFailed, "disk full"},
		"nonsense":      {listing + `echo '{"jsonrpc":"2.0","id":2,"result":{"sessions":7}}'; exec cat >/dev/null`, 0, protocol.CodeAgentStartFailed, "not as the protocol wants"},
		"wants a login": {listing + `echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"Authentication required"}}'; exec cat >/dev/null`, 0, protocol.CodeAgentStartFailed, "it wants a login"},
		"dies":          {listing + `exit 3`, 0, protocol.CodeAgentStartFailed, "exit code 3"},
	} {
		t.Run(name, func(t *testing.T) {
			a := New(Options{Entry: Custom("lister", []string{"/bin/sh", "-c", c.script}), Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} }})
			list, err := a.Sessions(t.Context(), t.TempDir())
			if c.code != "" {
				if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %+v, %v, want %s with %q", list, err, c.code, c.says)
				}
				return
			}
			if err != nil || len(list.Sessions) != c.count {
				t.Errorf("got %+v, %v", list, err)
			}
		})
	}
}

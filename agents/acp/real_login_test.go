package acp

import (
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/installed"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// Real agents that nobody has logged in: initialize works, and session/new
// ends with a sentence that says how to log in, in the agent's own words.
// Beyond that they need their vendor's login, so nothing more is proven.
func TestRealLoginWanted(t *testing.T) {
	for name, c := range map[string]struct {
		executable func(t testing.TB) string
		says       []string
	}{
		"copilot": {installed.Copilot, []string{"GitHub Copilot CLI did not start: it wants a login", "it offers: Run `copilot login` in the terminal"}},
		"auggie": {func(t testing.TB) string {
			t.Helper()
			return installed.Package(t, "auggie", "0.36.0", install.Package{
				Name: "@augmentcode/auggie", File: "augment.mjs",
				Integrity: "sha512-jb4kq97pGzG0i5UyISc//LjTVlFzIywwD+VfPemiSIl58KjLfxry3KDgxWYnr1vmV8yUkySVzjLnj4ewUEbT/Q==",
			})
		}, []string{"Auggie did not start: it wants a login", "it says: Auggie does not currently support authenticating over ACP. Please run `auggie login`"}},
		"codex-acp": {installed.CodexACP, []string{"Codex (ACP adapter) did not start: it wants a login", "Requires setting the `OPENAI_API_KEY` environment variable."}},
	} {
		t.Run(name, func(t *testing.T) {
			e, ok := Find(name)
			if !ok {
				t.Fatalf("there is no entry %s", name)
			}
			e, err := e.With(c.executable(t))
			if err != nil {
				t.Fatal(err)
			}
			home := agenttest.NewHome(t, agenttest.NewMessages(t).URL())
			home.Vars["HTTPS_PROXY"], home.Vars["HTTP_PROXY"] = "http://127.0.0.1:9", "http://127.0.0.1:9" // nobody is there
			begin := time.Now()
			conn, err := New(Options{Entry: e, Environ: home.Env}).Open(t.Context(), agents.Start{SessionID: "s1", Directory: home.Dir})
			if conn != nil || protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
				t.Fatalf("got %v", err)
			}
			want(t, err.Error(), c.says...)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the message has more than one line: %q", err)
			}
			t.Logf("told after %v", time.Since(begin))
		})
	}
}

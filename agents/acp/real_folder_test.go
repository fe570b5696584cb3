package acp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// A folder's plugins never run in OpenCode: a folder that brings some is
// refused, for a session and for a list of sessions. Its tools do not run.
func TestRealOpenCodeFolderWithPlugins(t *testing.T) {
	r := realOpenCode(t)
	mark := filepath.Join(t.TempDir(), "mark")
	spy := fmt.Sprintf("require('fs').writeFileSync(%q, 'ran')\n", mark)
	for name, text := range map[string]string{
		".opencode/plugin/x.js": spy, ".opencode/tool/y.js": spy, "opencode.jsonc": `{"plugins":["./.opencode/tool/y.js"]}`,
	} {
		path := filepath.Join(r.home.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := r.on("hello", agenttest.Play(agenttest.Say("Hello.")))
	start := agents.Start{SessionID: "s", Directory: r.home.Dir}
	turn := func() error {
		conn, err := r.Open(t.Context(), start)
		if err == nil {
			defer finish(t, conn)
			want(t, runTurn(t, conn, "m1", s.Marker(), nil), `"outcome":"completed"`)
		}
		return err
	}
	for _, name := range []string{"opencode.jsonc", ".opencode/plugin/x.js"} {
		_, listing := r.Sessions(t.Context(), r.home.Dir)
		for what, err := range map[string]error{"checking": r.Check(start), "opening": turn(), "listing": listing} {
			if protocol.CodeOf(err) != protocol.CodeAgentStartFailed || !strings.Contains(err.Error(), name+" brings plugins") {
				t.Errorf("%s with %s: %v", what, name, err)
			}
		}
		if err := os.Remove(filepath.Join(r.home.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	conn := r.open(t, start)
	defer finish(t, conn)
	late := filepath.Join(r.home.Dir, ".opencode/plugin/late.js")
	if err := os.WriteFile(late, []byte(spy), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(t.Context(), say("m0", s.Marker())); protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
		t.Errorf("the prompt with a late plugin was answered with %v", err)
	}
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	want(t, runTurn(t, conn, "m1", s.Marker(), nil), `"outcome":"completed"`)
	if _, err := os.Stat(mark); err == nil {
		t.Error("the folder's code ran")
	}
}

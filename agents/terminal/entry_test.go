package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/terminal"
)

// What is ready to use is found where its agent is, else on PATH, and says
// what it needs if it is not there.
func TestEntries(t *testing.T) {
	t.Parallel()
	dir, empty := t.TempDir(), t.TempDir()
	for _, name := range []string{"bash", "claude", "codex", "aider"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for _, e := range terminal.Entries() {
		if names[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		names[e.Name] = true
		on := func(path string, l agents.Locator) *terminal.Agent {
			l.Path = path
			o := terminal.Options{Environ: func() []string { return []string{"PATH=" + path} }}
			return terminal.New(o.With(e, &l))
		}
		if info := on(dir, agents.Locator{}).Info(t.Context()); info.Status != "ready" || info.Name != e.Name || info.Path != filepath.Join(dir, e.Command[0]) {
			t.Errorf("%s on PATH: %+v", e.Name, info)
		}
		if info := on(empty, agents.Locator{}).Info(t.Context()); info.Status != "missing" || !strings.Contains(info.Message, e.Needs) {
			t.Errorf("%s that is not there: %+v", e.Name, info)
		}
		if e.Agent == "" {
			continue
		}
		named := agents.Locator{Flags: map[string]string{e.Agent: filepath.Join(dir, "aider")}}
		if info := on(empty, named).Info(t.Context()); info.Path != filepath.Join(dir, "aider") || info.Origin != agents.OriginFlag {
			t.Errorf("%s with an executable of its agent's: %+v", e.Name, info)
		}
	}
	for _, name := range []string{"bash", "claude-tui", "codex-tui", "aider"} {
		if !names[name] {
			t.Errorf("%s is not ready to use", name)
		}
	}
}

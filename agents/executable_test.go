package agents

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// script writes an executable shell script.
func script(t *testing.T, path, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocatorFind(t *testing.T) {
	dir := t.TempDir()
	flag := script(t, filepath.Join(dir, "flag", "mine"), "")
	for _, v := range []string{"1.9.0", "1.10.0", "1.10.0-rc.1"} {
		script(t, InstalledPath(filepath.Join(dir, "agents"), "claude", v, "package/claude"), "")
	}
	for _, v := range []string{".tmp-3.0.0", "2.0.0"} { // not whole, or not a version
		if err := os.MkdirAll(filepath.Join(dir, "agents", "claude", v), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script(t, InstalledPath(filepath.Join(dir, "agents"), "claude", ".tmp-3.0.0", "package/claude"), "")
	inPath := script(t, filepath.Join(dir, "bin", "claude"), "")
	all := Locator{Flags: map[string]string{"claude": flag}, Dir: filepath.Join(dir, "agents"), Path: "bin:/nonexistent:" + filepath.Join(dir, "bin")}
	t.Chdir(dir)

	for _, tt := range []struct {
		name string
		l    Locator
		want Executable
	}{
		{"flag first", all, Executable{Path: flag, Origin: OriginFlag}},
		{"then the highest whole version", Locator{Dir: all.Dir, Path: all.Path}, Executable{
			Path: InstalledPath(all.Dir, "claude", "1.10.0", "package/claude"), Origin: OriginAgentsDir, Version: "1.10.0",
		}},
		{"then PATH, without relative folders", Locator{Path: all.Path}, Executable{Path: inPath, Origin: OriginPath}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.l.Find("claude", "package/claude"); err != nil || got != tt.want {
				t.Errorf("found %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for name, l := range map[string]Locator{
		"nowhere": {Path: "/nonexistent"}, "a flag that is wrong does not fall back": {Flags: map[string]string{"claude": dir}, Dir: all.Dir, Path: all.Path},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := l.Find("claude", "package/claude"); protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
				t.Errorf("found %+v, %v, want agent_not_installed", got, err)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	path := script(t, filepath.Join(dir, "agent"), "echo x >> "+count+"; mkdir $TMPDIR/left; echo \"  1.2.3 home=$HOME\"; echo more")
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("SECRET", "s")
	for range 2 {
		v, err := Version(t.Context(), path)
		if err != nil || !strings.HasPrefix(v, "1.2.3 home=") {
			t.Fatalf("Version gave %q, %v", v, err)
		}
		home := strings.TrimPrefix(v, "1.2.3 home=")
		if _, err := os.Stat(home); home == os.Getenv("HOME") || err == nil {
			t.Errorf("the executable had the home %s, want one of its own that is gone", home)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v is left in the folder for temporary files (%v)", left, err)
	}
	if b, err := os.ReadFile(count); err != nil || string(b) != "x\n" {
		t.Errorf("the executable ran %q, %v, want once", b, err)
	}
	if v, err := Version(t.Context(), fakeAgent(t)); err != nil || v != "2.1.330 (Claude Code)" {
		t.Errorf("the fake agent's version is %q, %v", v, err)
	}
}

func TestVersionFails(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"fails": "echo 1.0; exit 3", "says nothing": "exit 0", "hangs": "sleep 60", "never stops talking": "yes",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			v, err := Version(ctx, script(t, filepath.Join(dir, name), body))
			if protocol.CodeOf(err) != protocol.CodeAgentStartFailed {
				t.Errorf("Version gave %q, %v, want agent_start_failed", v, err)
			}
		})
	}
	if _, err := Version(t.Context(), filepath.Join(dir, "none")); protocol.CodeOf(err) != protocol.CodeAgentNotInstalled {
		t.Errorf("a missing file gave %v, want agent_not_installed", err)
	}
}

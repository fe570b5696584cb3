package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStateDirFollowsTheEnvironment(t *testing.T) {
	cases := []struct {
		env   []string
		named string
		want  string
	}{
		{nil, "/named", "/named"},
		{[]string{"XDG_STATE_HOME=/xdg", "HOME=/home/u"}, "", "/xdg/towline"},
		{[]string{"HOME=/home/u"}, "", "/home/u/.local/state/towline"},
	}
	for _, c := range cases {
		got, err := stateDir(&terminal{env: c.env}, c.named)
		if err != nil || got != c.want {
			t.Errorf("%v: got %q, %v, want %q", c.env, got, err, c.want)
		}
	}
	if _, err := stateDir(&terminal{}, ""); err == nil {
		t.Error("a state folder was found without a home")
	}
}

func TestTokenIsMadeOnceAndPrivate(t *testing.T) {
	dir := t.TempDir()
	first, err := keptToken(dir)
	if err != nil || len(first) < minToken {
		t.Fatalf("got %q, %v", first, err)
	}
	second, err := keptToken(dir)
	if err != nil || second != first {
		t.Errorf("the second start has the token %q, %v, want the first", second, err)
	}
	info, err := os.Stat(tokenPath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token file's mode is %v, %v, want 0600", info.Mode(), err)
	}
}

func TestServerFileIsPrivateAndGoesAway(t *testing.T) {
	dir := t.TempDir()
	remove, err := writeServerFile(dir, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	f, err := readServerFile(dir)
	if err != nil || f.URL != "http://127.0.0.1:1" || f.PID != os.Getpid() {
		t.Errorf("got %+v, %v", f, err)
	}
	if info, err := os.Stat(serverFilePath(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v, want 0600", info.Mode(), err)
	}
	remove()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(serverFilePath(dir), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readServerFile(dir); err == nil {
		t.Error("a damaged file was believed")
	}
}

func TestTokenLeavesTheEnvironment(t *testing.T) {
	t.Setenv("TOWLINE_TOKEN", "a-secret-of-the-operator")
	term := &terminal{env: []string{"TOWLINE_TOKEN=a-secret-of-the-operator", "HOME=/"}}
	token, err := takeToken(term, "")
	if err != nil || token != "a-secret-of-the-operator" {
		t.Fatalf("got %q, %v", token, err)
	}
	if os.Getenv("TOWLINE_TOKEN") != "" || term.lookup("TOWLINE_TOKEN") != "" {
		t.Error("the token is still in the environment")
	}
}

package opencode

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A folder's instructions are read, but no further than the folder reaches.
func TestInstructions(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(path string) error
		want string
	}{
		"none":   {func(string) error { return nil }, ""},
		"file":   {func(p string) error { return os.WriteFile(p, []byte("Be kind."), 0o600) }, "Be kind."},
		"long":   {func(p string) error { return os.WriteFile(p, make([]byte, 2*maxInstructions), 0o600) }, "Instructions"},
		"link":   {func(p string) error { return os.Symlink(secret, p) }, ""},
		"pipe":   {func(p string) error { return syscall.Mkfifo(p, 0o600) }, ""},
		"folder": {func(p string) error { return os.Mkdir(p, 0o700) }, ""},
	} {
		dir := t.TempDir()
		if err := c.make(filepath.Join(dir, "AGENTS.md")); err != nil {
			t.Fatal(err)
		}
		got := instructions(dir)
		if !strings.Contains(got, c.want) || c.want == "" && got != "" || len(got) > maxInstructions+100 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
}

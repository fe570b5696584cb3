package codex

import (
	"os"
	"path/filepath"
	"testing"
)

// Our home trusts what the user trusts, and nothing else; the rest of it stays.
func TestForgetTrust(t *testing.T) {
	const (
		mine   = "[projects.\"/mine\"]\ntrust_level = \"trusted\"\n"
		gone   = "[projects.\"/gone\"]\ntrust_level = \"trusted\"\n"
		doubt  = "[projects.\"/doubt\"]\ntrust_level = \"untrusted\"\n"
		always = "[mcp_servers.x.tools.y]\napproval_mode = \"approve\"\n"
	)
	for name, c := range map[string]struct{ users, ours, want string }{
		"of the user's":    {"a = 1\n" + mine, "a = 1\n" + mine, "a = 1\n" + mine},
		"of ours":          {"a = 1\n" + mine, "a = 1\n" + mine + "\n" + gone + always, "a = 1\n" + mine + "\n" + always},
		"at the end":       {"", "a = 1\n\n[projects.'/gone']\r\n  trust_level='trusted'", "a = 1\n\n"},
		"no user's":        {"", gone + always, always},
		"untrusted":        {"", doubt + gone, doubt},
		"not any more":     {"[projects.\"/gone\"]\ntrust_level = \"untrusted\"\n", gone, ""},
		"spelt otherwise":  {"[projects.\"/mine\"]\ntrust_level=\"trusted\"\n", "[projects.\"/mine\"]\ntrust_level=\"trusted\"\n" + gone, "[projects.\"/mine\"]\ntrust_level=\"trusted\"\n"},
		"in one line":      {"projects = {\"/mine\" = {trust_level = \"trusted\"}}\na = 1\n", mine + gone + "a = 1\n", "projects = {\"/mine\" = {trust_level = \"trusted\"}}\na = 1\n"},
		"a name with more": {"", "[projects.\"/a] b\"]\ntrust_level = \"trusted\"\n", ""},
	} {
		home, user := t.TempDir(), t.TempDir()
		path := filepath.Join(home, configFile)
		if err := os.WriteFile(path, []byte(c.ours), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.users != "" {
			if err := os.WriteFile(filepath.Join(user, configFile), []byte(c.users), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := forgetTrust(home, user); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
	if err := forgetTrust(t.TempDir(), ""); err != nil {
		t.Error(err)
	}
}

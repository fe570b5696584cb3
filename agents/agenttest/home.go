package agenttest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
)

// Home is a place of its own for a real agent: it sees nothing of the machine's
// user and speaks to nothing but a model server on loopback.
type Home struct {
	// Home is the HOME folder, Config the agent's configuration folder and
	// Dir an empty work folder that is a git repository. Paths are absolute
	// and without symbolic links.
	Home, Config, Dir string
	// Vars is the whole environment that the agent shall have.
	Vars map[string]string
}

// NewHome makes a home whose environment names the model server at base. The
// test fails if base is not on loopback.
func NewHome(t T, base string) *Home {
	t.Helper()
	if err := RequireLoopback(base); err != nil {
		t.Fatalf("%v", err)
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatalf("%v", err)
	}
	h := &Home{Home: filepath.Join(root, "home"), Config: filepath.Join(root, "config"), Dir: filepath.Join(root, "work")}
	temp := filepath.Join(root, "tmp")
	for _, dir := range []string{h.Home, h.Config, h.Dir, temp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	h.Vars = map[string]string{
		"PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "TERM": "dumb",
		"HOME": h.Home, "TMPDIR": temp,
		"CLAUDE_CONFIG_DIR": h.Config, "CLAUDE_CODE_TMPDIR": temp,
		"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "fake-key",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
		"CLAUDE_CODE_MAX_RETRIES": "1",
	}
	git := exec.CommandContext(t.Context(), "git", "init", "--quiet", h.Dir)
	git.Env = h.Env()
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("cannot make a git repository: %v: %s", err, out)
	}
	return h
}

// Env is Vars as os/exec wants it.
func (h *Home) Env() []string {
	env := make([]string, 0, len(h.Vars))
	for name, value := range h.Vars {
		env = append(env, name+"="+value)
	}
	sort.Strings(env)
	return env
}

// RequireLoopback refuses an address that is not on this machine. Tests call
// it before they start a real agent, so that none ever reaches its vendor.
func RequireLoopback(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("cannot read the model server's address: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "http" || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("the model server at %q is not on loopback, so no agent is started", base)
	}
	return nil
}

package agents

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inheritable takes away the mark that closes a descriptor in children, as it
// would be on one that the server got from its own parent.
func inheritable(t *testing.T, f *os.File) {
	t.Helper()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
}

func TestA08_EnvironmentAndDescriptors(t *testing.T) {
	t.Setenv("TOWLINE_TOKEN", "secret-token")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
	t.Setenv("ANTHROPIC_API_KEY", "model-key")
	secret, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = secret.Close() }()
	inheritable(t, secret)
	o := fakeOptions(t)
	o.Process.Env = Environment{Pass: []string{"ANTHROPIC_*"}, Session: map[string]string{"CI": "1"}}.Build(os.Environ())
	f := openFake(t, o)
	f.prompt("env")
	frame := f.notice("system/fake_env")
	for _, unwanted := range []string{"secret-token", "secret-key", "TOWLINE_TOKEN"} {
		if strings.Contains(frame, unwanted) {
			t.Errorf("the agent's environment holds %s", unwanted)
		}
	}
	for _, wanted := range []string{`"ANTHROPIC_API_KEY=model-key"`, `"CI=1"`, `"TOWLINE_SESSION=` + t.Name() + `"`, `"fds":[0,1,2]`} {
		if !strings.Contains(frame, wanted) {
			t.Errorf("the agent lacks %s: %s", wanted, frame)
		}
	}
}

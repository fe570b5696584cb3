package install

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The tests below start this test binary again as another process; it then
// runs one installation, as these variables say.
const (
	childDir      = "INSTALL_TEST_DIR"
	childRegistry = "INSTALL_TEST_REGISTRY"
	childTask     = "INSTALL_TEST_TASK"
)

// TestInstallChild is that other process. Alone it has nothing to do.
func TestInstallChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	withoutNPM(t, os.Getenv(childRegistry))
	i := installation(t)
	i.Dir = dir
	switch os.Getenv(childTask) {
	case "hang before the rename":
		i.atUnpacked = func() {
			os.Stdout.WriteString("unpacked\n")
			select {}
		}
	case "small disk":
		limit := &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		ensure(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit))
	}
	if err := i.Install(t.Context(), nil); err != nil {
		os.Stdout.WriteString("failed: " + err.Error() + "\n")
	}
}

// installChild starts the other process and returns a reader of its output.
func installChild(t *testing.T, i *Program, r *fakeRegistry, task string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestInstallChild$")
	// What it makes goes with this test, also when it is killed.
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), childDir+"="+i.Dir, childRegistry+"="+r.URL, childTask+"="+task)
	out, err := cmd.StdoutPipe()
	ensure(t, err)
	ensure(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// A process that is killed between unpacking and the rename leaves nothing
// that is found, no lock, and a folder that the next installation removes.
func TestInstallKilledBeforeRename(t *testing.T) {
	r := newRegistry(t, packTarball(t, goodEntries()))
	i := installation(t)
	cmd, out := installChild(t, i, r, "hang before the rename")
	if !out.Scan() || out.Text() != "unpacked" {
		t.Fatalf("the other process said %q", out.Text())
	}
	ensure(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed: that is its error
	if _, ok := i.Installed(); ok {
		t.Error("a half-done installation is found")
	}
	if entries, err := os.ReadDir(i.home()); err != nil || len(entries) != 2 {
		t.Fatalf("the killed process left %v, %v; want its lock and its folder", entries, err)
	}
	withoutNPM(t, r.URL)
	ensure(t, i.Install(t.Context(), nil))
	wantInstalled(t, i)
}

// A disk that takes only part of a write, simulated by a limit on the size of
// files, fails the installation and leaves nothing.
func TestInstallNoSpace(t *testing.T) {
	large := append(goodEntries(), tarEntry{name: "package/large", content: strings.Repeat("x", 1<<20)})
	r := newRegistry(t, packTarball(t, large))
	i := installation(t)
	cmd, out := installChild(t, i, r, "small disk")
	if !out.Scan() || !strings.Contains(out.Text(), "no space left") {
		t.Errorf("the other process said %q", out.Text())
	}
	ensure(t, cmd.Wait())
	wantClean(t, i)
	if _, ok := i.Installed(); ok {
		t.Error("a failed installation is found")
	}
}

package agents

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/towline-dev/towline/agents/agenttest/optional"
)

// serverVariable makes the test binary be a server that starts one agent with
// a tree of descendants, says so, and waits to be killed.
const serverVariable = "AGENTS_TEST_SERVER_STATE"

func init() { //nolint:gochecknoinits // before the flags of tests are read
	if dir := os.Getenv(serverVariable); dir != "" {
		beServer(dir, os.Getenv("AGENTS_TEST_SERVER_AGENT"))
	}
}

// beServer is the life of the server that A-07 kills.
func beServer(stateDir, agent string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	_, err := BecomeReaper()
	fail(err)
	p, err := StartProcess(ProcessOptions{Path: agent, Dir: stateDir, SessionID: "s", StateDir: stateDir, Env: os.Environ()})
	fail(err)
	_, err = p.Stdin().WriteString(`{"type":"user","message":{"content":"tree ;; hang"}}` + "\n")
	fail(err)
	lines := NewLineReader(p.Stdout(), 0)
	for {
		line, err := lines.Next()
		fail(err)
		if strings.Contains(string(line.Bytes), "fake_tree") {
			fmt.Println(p.run)
			fmt.Println(string(line.Bytes))
			select {}
		}
	}
}

// treePids reads the frame that tells of a tree.
func treePids(t *testing.T, frame string) []int {
	t.Helper()
	var f struct{ Pids []int }
	if err := json.Unmarshal([]byte(frame), &f); err != nil || len(f.Pids) != 4 {
		t.Fatalf("cannot read the tree %s: %v", frame, err)
	}
	return f.Pids
}

// survivors tells which of the processes live, and which more carry the run's mark.
func survivors(run string, pids []int) (left []int) {
	named := make(map[int]bool)
	for _, pid := range pids {
		named[pid] = true
	}
	for _, s := range allProcesses() {
		if !s.zombie && (named[s.pid] || runOf(s.pid) == run) {
			left = append(left, s.pid)
		}
	}
	return left
}

// zombies are our children outside of our group that nobody collected.
func zombies() (pids []int) {
	for _, s := range allProcesses() {
		if s.zombie && s.ppid == os.Getpid() && s.pgid != unix.Getpgrp() {
			pids = append(pids, s.pid)
		}
	}
	return pids
}

func TestA06_OrphansServerAlive(t *testing.T) {
	stop, err := BecomeReaper()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, ending := range []string{"hang", "exit 3", "signal 9"} {
		t.Run(ending, func(t *testing.T) {
			f := openFake(t, fakeOptions(t))
			f.prompt("tree ;; sleep 1 ;; " + ending)
			pids := treePids(t, f.notice("system/fake_tree"))
			if ending == "hang" {
				if n := len(survivors(f.process.run, pids)); n < 5 {
					t.Fatalf("only %d processes of the tree live", n)
				}
			} else {
				f.exited()
			}
			begin := time.Now()
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if left := survivors(f.process.run, pids); len(left) > 0 {
				t.Errorf("%v are left %v after the session was closed", left, time.Since(begin))
			}
			// What the group's SIGKILL killed may take a moment to end.
			closed, tick := time.Now(), time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for ; len(zombies()) > 0; <-tick.C {
				if time.Since(closed) > time.Second {
					t.Fatalf("%v are zombies of the server after 1s", zombies())
				}
			}
			records, err := filepath.Glob(filepath.Join(recordDir(f.o.Process.StateDir), "*.json"))
			if err != nil || len(records) != 0 {
				t.Errorf("records are left: %v %v", records, err)
			}
		})
	}
}

func TestA07_OrphansServerKilled(t *testing.T) {
	dir := t.TempDir()
	server := exec.CommandContext(t.Context(), os.Args[0])
	server.Env = append(os.Environ(), serverVariable+"="+dir, "AGENTS_TEST_SERVER_AGENT="+fakeAgent(t))
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	said.Scan()
	run := said.Text()
	said.Scan()
	pids := treePids(t, said.Text())
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	if n := len(survivors(run, pids)); n < 4 {
		t.Fatalf("only %d processes outlived the server; the test needs more", n)
	}
	// Without its environment and its parents a process cannot be told from
	// any other; a subreaper that was killed leaves no trace of it.
	unmarked := pids[2]
	t.Cleanup(func() { _ = unix.Kill(unmarked, unix.SIGKILL) })
	killed, err := SweepLeftovers(dir)
	if err != nil || killed < 3 {
		t.Errorf("the sweep killed %d processes and said %v", killed, err)
	}
	for _, pid := range survivors(run, pids) {
		if pid != unmarked {
			t.Errorf("process %d is left", pid)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(recordDir(dir), "*.json")); len(files) != 0 {
		t.Errorf("records are left: %v", files)
	}
}

func TestA07_RecordWithoutMark(t *testing.T) {
	dir := t.TempDir()
	bystander := startBystander(t)
	start, boot, err := startOf(bystander)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		record record
		dies   bool
	}{
		{"other start time", record{PID: bystander, Start: start - 1, Boot: boot, Run: "x.y.1"}, false},
		{"other boot", record{PID: bystander, Start: start, Boot: "another", Run: "x.y.1"}, false},
		{"ourselves", record{PID: os.Getpid(), Start: mustStart(t), Boot: boot, Run: "x.y.1"}, false},
		{"init", record{PID: 1, Start: 0, Boot: boot, Run: "x.y.1"}, false},
		{"all", record{PID: -1, Boot: boot, Run: "x.y.1"}, false},
		{"the same process", record{PID: bystander, Start: start, Boot: boot, Run: "x.y.1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := instanceOf(dir); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(tt.record)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(recordDir(dir), "r.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			killed, err := SweepLeftovers(dir)
			if err != nil || (killed == 1) != tt.dies {
				t.Errorf("killed %d, %v", killed, err)
			}
			if s, err := readStat(bystander); (err != nil || s.zombie) != tt.dies {
				t.Errorf("the process's state is %+v, %v", s, err)
			}
		})
	}
	t.Run("torn record", func(t *testing.T) {
		file := filepath.Join(recordDir(dir), "torn.json")
		if err := os.WriteFile(file, []byte(`{"pid":1`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := SweepLeftovers(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("the torn record is still there")
		}
	})
}

func mustStart(t *testing.T) uint64 {
	t.Helper()
	start, _, err := startOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// startBystander starts a process that has nothing to do with any agent.
func startBystander(t *testing.T) (pid int) {
	t.Helper()
	c := exec.Command(fakeAgent(t), "--member", "sleep")
	c.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c.Process.Pid
}

func TestReaperLeavesStatusesAlone(t *testing.T) {
	stop, err := BecomeReaper()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	plain := exec.CommandContext(t.Context(), "sh", "-c", "exit 7")
	if err := plain.Start(); err != nil {
		t.Fatal(err)
	}
	owned := exec.CommandContext(t.Context(), "sh", "-c", "exit 8")
	owned.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := Own(func() (int, error) { err := owned.Start(); return owned.Process.Pid, err }); err != nil {
		t.Fatal(err)
	}
	awaitZombies(t, plain.Process.Pid, owned.Process.Pid)
	reapOrphans()
	if _ = plain.Wait(); plain.ProcessState.ExitCode() != 7 {
		t.Errorf("the plain command's status is %v", plain.ProcessState)
	}
	if _ = owned.Wait(); owned.ProcessState.ExitCode() != 8 {
		t.Errorf("the owned command's status is %v", owned.ProcessState)
	}
	Disown(owned.Process.Pid)
}

func TestA08_AnotherUserCannotReadTheServer(t *testing.T) {
	optional.Root(t)
	p, err := StartProcess(ProcessOptions{
		Path: "/bin/sh", Dir: "/", Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, StateDir: t.TempDir(),
		Args: []string{"-c", `id -u; for f in environ mem fd/0; do cat /proc/$PPID/$f > /dev/null 2>&1 && echo "$f is open"; done; exit 0`},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := readLines(t, NewLineReader(p.Stdout(), 0))
	if len(got) != 1 || got[0] != "65534" {
		t.Errorf("the other user said %q, want its id alone", got)
	}
	if err := p.Stop(StopOptions{}); err != nil {
		t.Error(err)
	}
}

func awaitZombies(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInstanceIsOnePerStateFolder(t *testing.T) {
	dir := t.TempDir()
	ids := make(chan string, 8)
	for range cap(ids) {
		go func() {
			id, err := instanceOf(dir)
			if err != nil {
				id = err.Error()
			}
			ids <- id
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first || len(id) < 20 {
			t.Errorf("the folder has the ids %q and %q", first, id)
		}
	}
	if info, err := os.Stat(recordDir(dir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of records is %v, %v, want 0700", info, err)
	}
}

package agents

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes: an own group, so that signals reach all of it, and death
// with the server. The kernel ties that to the thread that forked; Go's
// threads live as long as the program, unless a goroutine ends while locked to
// one, which nothing here does.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// closeOnExec keeps descriptors that the server itself inherited from leaking
// into children. Go marks all those that it opens.
func closeOnExec() { _ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) }

// deprioritize makes the kernel take the agent before the server when memory
// is out. It is best effort.
func deprioritize(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("500"), 0)
}

// reap waits for the end of the process. It first only looks, and kills the
// group while the dead leader still holds the group's number, so that no other
// group can have it; then it collects the status.
func (p *Process) reap() {
	for {
		err := unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	_ = p.cmd.Wait() // the status is in cmd.ProcessState
	Disown(p.PID())
	close(p.reaped)
}

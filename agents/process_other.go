//go:build unix && !linux

package agents

import "syscall"

// processAttributes: an own group, so that signals reach all of it.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// closeOnExec does nothing: the call it needs is Linux's.
func closeOnExec() {}

// deprioritize does nothing: there is no such score.
func deprioritize(int) {}

// reap waits for the end of the process, then kills the rest of its group.
func (p *Process) reap() {
	_ = p.cmd.Wait() // the status is in cmd.ProcessState
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	Disown(p.PID())
	close(p.reaped)
}

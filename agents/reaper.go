package agents

import "sync"

// children are the processes that this program started in groups of their own
// and has not reaped yet. It is one for the program, as the kernel's list of
// children is. The reaper holds the lock while it collects zombies, and Own
// while it starts, so a child that ends at once is not taken for an orphan.
var children = struct {
	sync.Mutex
	pids map[int]struct{}
}{pids: make(map[int]struct{})}

// Own starts a child in a process group or session of its own and remembers
// it, so that the reaper leaves its status to whoever waits for it. Every
// such child of this program that StartProcess does not start (a terminal's
// shell) must be started through Own and given back with Disown after it was
// waited for. Children in the server's own group need no Own.
func Own(start func() (pid int, err error)) error {
	children.Lock()
	defer children.Unlock()
	pid, err := start()
	if err != nil {
		return err
	}
	children.pids[pid] = struct{}{}
	return nil
}

// Disown forgets a child after it was waited for.
func Disown(pid int) {
	children.Lock()
	defer children.Unlock()
	delete(children.pids, pid)
}

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memberLife ends members that a failed test forgot.
const memberLife = 5 * time.Minute

// startTree leaves every kind of descendant: a child with a child of its own,
// one in a session of its own, one in a session of its own without any
// environment, and a daemon that forked twice. It returns the pids of those it
// started itself.
func startTree() []int {
	return []int{
		startMember(nil, "parent"),
		startMember(nil, "sleep", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }),
		startMember(nil, "sleep", func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			c.Env = []string{}
		}),
		startMember(nil, "daemon", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }),
	}
}

// startMember starts this program as a member of the tree.
func startMember(stdout *os.File, role string, options ...func(*exec.Cmd)) int {
	c := exec.Command(os.Args[0], "--member", role)
	if stdout != nil {
		c.Stdout = stdout
	}
	for _, o := range options {
		o(c)
	}
	if err := c.Start(); err != nil {
		panic(err)
	}
	if role == "daemon" {
		_ = c.Wait()
	}
	return c.Process.Pid
}

// beMember is the life of a member: it sleeps, or starts another first.
func beMember(args []string) {
	switch args[0] {
	case "parent":
		startMember(nil, "sleep")
	case "daemon":
		startMember(nil, "sleep")
		return // the grandchild is an orphan now
	}
	time.Sleep(memberLife)
}

// surroundings returns the environment and the open descriptors. Those that
// Go's runtime opens (epoll, eventfd, the limits of the control group) and the
// one that reads the folder are left out.
func surroundings() (env []string, fds []int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		ours := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/fs/cgroup/")
		if err == nil && !ours {
			fds = append(fds, fd)
		}
	}
	return os.Environ(), fds
}

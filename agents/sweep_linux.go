package agents

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sweepTime bounds a sweep: a fork bomb may be faster than we are.
	sweepTime = time.Second
	// sweepPause lets the kernel finish what was killed.
	sweepPause = 2 * time.Millisecond
	// reapPause gathers deaths, so that a busy agent costs few looks.
	reapPause = 200 * time.Millisecond
)

// reaping tells that orphans come to this process.
var reaping atomic.Bool

// BecomeReaper makes orphaned descendants children of this process, so that
// they can be found (RELIABILITY.md, O5), and collects those that end. Call
// it once, before the first agent starts; stop undoes it and waits.
//
// It never waits for just any child, since that would steal the status of
// commands that other parts of the program wait for. It takes zombies only
// that are outside the server's process group and that nobody Owns: whatever
// this program starts itself is in its group or owned, so only orphans of
// agents are left.
func BecomeReaper() (stop func(), err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("cannot become the reaper of orphans: %w", err)
	}
	reaping.Store(true)
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, unix.SIGCHLD)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { reapLoop(deaths, done) })
	return sync.OnceFunc(func() {
		signal.Stop(deaths)
		close(done)
		wait.Wait()
		reaping.Store(false)
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}), nil
}

// reapLoop collects zombies a little after deaths, until done.
func reapLoop(deaths <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case <-deaths:
		case <-done:
			return
		}
		select {
		case <-time.After(reapPause):
		case <-done:
			return
		}
		reapOrphans()
	}
}

// reapOrphans collects the zombies that BecomeReaper tells of.
func reapOrphans() {
	children.Lock()
	defer children.Unlock()
	self, group := os.Getpid(), unix.Getpgrp()
	for _, s := range allProcesses() {
		if _, owned := children.pids[s.pid]; !owned && s.zombie && s.ppid == self && s.pgid != group {
			_, _ = unix.Wait4(s.pid, nil, unix.WNOHANG, nil)
		}
	}
}

// sweep kills what is left of a run: processes that carry its mark, those in
// family, and whatever descends from them. Orphans that took off their mark
// can no longer be told apart by session; they are killed with the last agent.
func sweep(run string, family []identity) {
	killAll(func(all []procStat) map[int]bool {
		chosen := make(map[int]bool)
		for _, s := range all {
			if runOf(s.pid) == run {
				chosen[s.pid] = true
			}
		}
		choose(chosen, all, family)
		adopt(chosen, all)
		return chosen
	})
}

// choose adds the processes that are still the ones meant.
func choose(chosen map[int]bool, all []procStat, ids []identity) {
	known := make(map[identity]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	for _, s := range all {
		if known[s.identity] {
			chosen[s.pid] = true
		}
	}
}

// adopt adds the orphans that came to us, carry no mark and have no running
// agent that they could belong to.
func adopt(chosen map[int]bool, all []procStat) {
	children.Lock()
	defer children.Unlock()
	if !reaping.Load() || len(children.pids) > 0 {
		return
	}
	self, group := os.Getpid(), unix.Getpgrp()
	for _, s := range all {
		if s.ppid == self && s.pgid != group && runOf(s.pid) == "" {
			chosen[s.pid] = true
		}
	}
}

// killAll kills what find chooses, and what descends from it, until nothing
// is found. It returns how many processes it killed.
func killAll(find func(all []procStat) map[int]bool) int {
	killed := make(map[identity]bool)
	for deadline := time.Now().Add(sweepTime); time.Now().Before(deadline); time.Sleep(sweepPause) {
		all := allProcesses()
		chosen := find(all)
		for pid := range ourselves(all) {
			delete(chosen, pid)
		}
		withDescendants(all, chosen)
		left := 0
		for _, s := range all {
			switch {
			case chosen[s.pid] && !s.zombie:
				killExactly(s.identity)
				killed[s.identity] = true
				left++
			case killed[s.identity] && reaping.Load():
				left++ // its threads are ending, or it waits to be reaped
			}
		}
		if reaping.Load() {
			reapOrphans()
		}
		if left == 0 {
			break
		}
	}
	return len(killed)
}

// SweepLeftovers kills what agents of an earlier life of this server left
// running, and removes the records of it. It returns how many processes it
// killed. A process counts as left over if it carries the state folder's mark,
// or if a record names its pid with the time it started, or if it descends
// from one of those; a later process that got the pid is never touched. Call
// it before the first agent starts, as the only server of that state folder.
func SweepLeftovers(stateDir string) (killed int, err error) {
	instance, err := instanceOf(stateDir)
	if err != nil {
		return 0, err
	}
	_, boot, err := startOf(os.Getpid())
	if err != nil {
		return 0, err
	}
	records := readRecords(stateDir)
	var ids []identity
	for _, r := range records {
		if r.PID > 1 && r.Boot == boot {
			ids = append(ids, identity{pid: r.PID, start: r.Start})
		}
	}
	ours := instance + "." + lifeID() + "."
	killed = killAll(func(all []procStat) map[int]bool {
		chosen := make(map[int]bool)
		for _, s := range all {
			if run := runOf(s.pid); strings.HasPrefix(run, instance+".") && !strings.HasPrefix(run, ours) {
				chosen[s.pid] = true
			}
		}
		choose(chosen, all, ids)
		addGroups(chosen, all, ids)
		return chosen
	})
	for file := range records {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return killed, fmt.Errorf("cannot remove a process record: %w", err)
		}
	}
	return killed, nil
}

// addGroups adds the members of the recorded groups whose leader still is the
// recorded process.
func addGroups(chosen map[int]bool, all []procStat, leaders []identity) {
	for _, leader := range leaders {
		if !chosen[leader.pid] {
			continue
		}
		for _, s := range all {
			if s.pgid == leader.pid {
				chosen[s.pid] = true
			}
		}
	}
}

// startOf returns when a process started, in clock ticks since the boot that
// it also names.
func startOf(pid int) (start uint64, boot string, err error) {
	s, err := readStat(pid)
	if err != nil {
		return 0, "", err
	}
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 0, "", fmt.Errorf("cannot tell one boot from another: %w", err)
	}
	return s.start, strings.TrimSpace(string(b)), nil
}

package agents

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// identity tells one process from a later one with the same number.
type identity struct {
	pid int
	// start is when it began, in clock ticks since boot (field 22 of
	// /proc/PID/stat, see proc_pid_stat(5)).
	start uint64
}

// procStat is what /proc/PID/stat tells that we need.
type procStat struct {
	identity
	ppid, pgid int
	zombie     bool
}

// readStat reads the stat of one process.
func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procStat{}, fmt.Errorf("cannot read the state of process %d: %w", pid, err)
	}
	// The second field is the name in brackets, and may itself hold any.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("cannot read the state of process %d: it has %d fields", pid, len(fields))
	}
	s := procStat{identity: identity{pid: pid}, zombie: fields[0][0] == 'Z' || fields[0][0] == 'X'}
	s.ppid, _ = strconv.Atoi(string(fields[1]))
	s.pgid, _ = strconv.Atoi(string(fields[2]))
	s.start, _ = strconv.ParseUint(string(fields[19]), 10, 64)
	return s, nil
}

// allProcesses returns all processes that can be seen.
func allProcesses() []procStat {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	all := make([]procStat, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// runOf returns the run that marks a process; empty if it has none or may not
// be read.
func runOf(pid int) string {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return ""
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte(runVariable+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// withDescendants adds to the chosen processes all that descend from them.
func withDescendants(all []procStat, chosen map[int]bool) {
	for grown := true; grown; {
		grown = false
		for _, s := range all {
			if chosen[s.ppid] && !chosen[s.pid] {
				chosen[s.pid], grown = true, true
			}
		}
	}
}

// descendants returns the processes that descend from pid.
func descendants(pid int) []identity {
	all := allProcesses()
	chosen := map[int]bool{pid: true}
	withDescendants(all, chosen)
	var found []identity
	for _, s := range all {
		if chosen[s.pid] && s.pid != pid {
			found = append(found, s.identity)
		}
	}
	return found
}

// killExactly sends SIGKILL to a process unless its number has been given to
// another one meanwhile. The pidfd holds on to the process between the look
// and the blow.
func killExactly(id identity) {
	fd, err := unix.PidfdOpen(id.pid, 0)
	if err != nil && err != unix.ENOSYS {
		return
	}
	s, statErr := readStat(id.pid)
	same := statErr == nil && s.start == id.start
	if err != nil { // a kernel before 5.3
		if same {
			_ = unix.Kill(id.pid, unix.SIGKILL)
		}
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if same {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// ourselves returns this process and its ancestors, which no sweep may touch.
func ourselves(all []procStat) map[int]bool {
	self := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !self[pid]; {
		self[pid] = true
		i := slices.IndexFunc(all, func(s procStat) bool { return s.pid == pid })
		if i < 0 {
			break
		}
		pid = all[i].ppid
	}
	return self
}

package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stubborn makes the agent ignore every signal that can be ignored.
var stubborn atomic.Bool

// watchSignals does what Claude Code does: SIGINT interrupts and ends with 0,
// SIGTERM ends with 143.
func (a *agent) watchSignals() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for s := range signals {
			switch {
			case stubborn.Load():
			case s == syscall.SIGTERM:
				os.Exit(143)
			default:
				os.Exit(0)
			}
		}
	}()
}

// end runs the steps that end the agent, or keep it from ending; false if the
// word is none of them. What was written before is flushed first.
func (a *agent) end(word, rest string) bool {
	n := number(strings.Fields(rest), 0, 0)
	switch word {
	case "exit", "signal", "hang", "stubborn", "sleep", "deaf":
		a.flush()
	default:
		return false
	}
	switch word {
	case "exit":
		os.Exit(n)
	case "signal":
		// A shell in our place, since Go's runtime catches SIGSEGV and the like.
		_ = syscall.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf("kill -%d $$", n)}, os.Environ())
	case "hang":
		select {}
	case "stubborn":
		stubborn.Store(true)
		select {}
	case "sleep":
		time.Sleep(time.Duration(n) * time.Millisecond)
	}
	return true // deaf: the reader of the input has stopped
}

package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
)

// trial is an agenttest.T outside of tests: it keeps the faults.
type trial struct {
	ctx context.Context //nolint:containedctx // agenttest.T hands it out

	mu       sync.Mutex
	faults   []string
	cleanups []func()
	// root holds the folders of TempDir; empty before the first.
	root    string
	folders int
}

var _ agenttest.T = (*trial)(nil)

// try runs a check on a goroutine of its own and then what it left for the
// clean-up, the last one first, and waits for both. The check's context ends
// with ctx or after the limit. It returns the faults in the order in which
// they were noted; a panic is one.
func try(ctx context.Context, limit time.Duration, check func(agenttest.T)) []string {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &trial{ctx: ctx}
	t.run(func() { check(t) })
	cancel() // as that of a *testing.T, which ends before the clean-up
	for f := t.cleanup(); f != nil; f = t.cleanup() {
		t.run(f)
	}
	if err := os.RemoveAll(t.root); err != nil {
		t.Errorf("cannot remove what the check left: %v", err)
	}
	return t.faults
}

// run runs f until it returns or is ended by Fatalf.
func (t *trial) run(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if fault := recover(); fault != nil {
				t.Errorf("the check panicked: %v", fault)
			}
		}()
		f()
	}()
	<-ended
}

// cleanup takes the function that is to be called next; nil for none.
func (t *trial) cleanup() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cleanups) == 0 {
		return nil
	}
	last := len(t.cleanups) - 1
	f := t.cleanups[last]
	t.cleanups = t.cleanups[:last]
	return f
}

// Helper does nothing: faults tell no lines.
func (t *trial) Helper() {}

// Context ends with the check.
func (t *trial) Context() context.Context { return t.ctx }

// Cleanup keeps f for the end.
func (t *trial) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// TempDir makes a folder that only this user may enter.
func (t *trial) TempDir() string {
	dir, err := t.makeDir()
	if err != nil {
		t.Fatalf("cannot make a folder: %v", err)
	}
	return dir
}

func (t *trial) makeDir() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root == "" {
		root, err := os.MkdirTemp("", "towline-check-")
		if err != nil {
			return "", err
		}
		t.root = root
	}
	t.folders++
	dir := filepath.Join(t.root, strconv.Itoa(t.folders))
	return dir, os.Mkdir(dir, 0o700)
}

// Errorf notes a fault.
func (t *trial) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// Fatalf notes a fault and ends the goroutine.
func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Failed tells whether there is a fault.
func (t *trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.faults) > 0
}

// Logf drops the text: who looks into a fault runs the scenario as a test.
func (t *trial) Logf(string, ...any) {}

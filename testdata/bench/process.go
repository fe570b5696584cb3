package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of utime and stime in /proc; Linux fixes it.
const ticksPerSecond = 100

// stopTime is how long a child may take to stop before it is killed.
const stopTime = 20 * time.Second

// child is a process under test.
type child struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	// line is what followed the prefix in the line that told it was ready.
	line string
	// ready is the time from the spawn to that line.
	ready time.Duration
	// done is closed once the process has ended; err says how.
	done chan struct{}
	err  error
}

// spawn starts cmd and waits for the line with the prefix on its standard
// output.
func spawn(ctx context.Context, cmd *exec.Cmd, prefix string) (*child, error) {
	c := &child{cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &c.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cmd.Path, err)
	}
	found := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(out)
		for in.Scan() {
			if rest, ok := strings.CutPrefix(in.Text(), prefix); ok {
				c.ready = time.Since(begin)
				found <- strings.TrimSpace(rest)
			}
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	select {
	case c.line = <-found:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("%s ended before it was ready: %w\n%s", cmd.Path, errors.Join(c.err, errors.New("its last words:")), tail(c.stderr.String()))
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-c.done
		return nil, ctx.Err()
	}
}

// tail returns the last 2,000 bytes.
func tail(s string) string { return s[max(0, len(s)-2000):] }

// stop ends the process, by SIGTERM first, and waits for it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopTime):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// cpu returns the CPU time that the process has used, to 10 ms.
func (c *child) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read CPU time: %w", err)
	}
	_, rest, found := strings.Cut(string(b), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, fmt.Errorf("cannot read CPU time from %q", b)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// rss returns the resident memory of the process in bytes.
func (c *child) rss() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("cannot read memory: there is no VmRSS")
}

// settled returns the CPU time once the process has been quiet for 200 ms, so
// that work that follows the last byte counts as well.
func (c *child) settled(ctx context.Context) (time.Duration, error) {
	last, err := c.cpu()
	for err == nil {
		if err = pause(ctx, 200*time.Millisecond); err != nil {
			break
		}
		var now time.Duration
		if now, err = c.cpu(); now == last {
			return now, err
		}
		last = now
	}
	return 0, err
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package terminal_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A recording is what a program and its terminal have told each other, a step
// a line: how many milliseconds passed since the one before, whether the bytes
// went out to the terminal or in from its keys, and the bytes as Go quotes
// them. The last line has the exit code. A program that test machines cannot
// get is recorded where it is, and its recording plays it: the terminal sees
// the program's own bytes, and the recording sees whether the terminal types
// what it typed to the program.
//
//	+12 out "\x1b[?2004h> "
//	+900 in "hello\r"
//	exit 0
type recording struct {
	steps []step
	exit  int
}

type step struct {
	after time.Duration
	typed bool // in from the keys
	bytes string
}

const (
	// playVar and recordVar make the test's own binary play the recording of
	// that path, or make it; aiderVar names the program that is recorded.
	playVar   = "TOWLINE_TEST_PLAY"
	recordVar = "TOWLINE_TEST_RECORD"
	realVar   = "TOWLINE_TEST_PROGRAM"
	// longestStep bounds the pauses when a recording is played.
	longestStep = 300 * time.Millisecond
	// wrongKeys is the exit code of a played program that was typed other keys
	// than were recorded.
	wrongKeys = 99
)

// readRecording parses a recording.
func readRecording(path string) (recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return recording{}, err
	}
	defer f.Close()
	var r recording
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if _, err := fmt.Sscanf(lines.Text(), "exit %d", &r.exit); err == nil {
			return r, nil
		}
		var ms int
		var way, text string
		if _, err := fmt.Sscanf(lines.Text(), "+%d %s %q", &ms, &way, &text); err != nil || (way != "in" && way != "out") {
			return recording{}, fmt.Errorf("line %d is no step: %w", n, err)
		}
		r.steps = append(r.steps, step{time.Duration(ms) * time.Millisecond, way == "in", text})
	}
	return recording{}, errors.Join(errors.New("the recording has no end"), lines.Err())
}

// write writes the recording. What came in pieces at one moment is one step.
func (r recording) write(path string) error {
	var b strings.Builder
	for i := 0; i < len(r.steps); {
		s := r.steps[i]
		for i++; i < len(r.steps) && r.steps[i].typed == s.typed && r.steps[i].after < 20*time.Millisecond; i++ {
			s.bytes += r.steps[i].bytes
		}
		way := "out"
		if s.typed {
			way = "in"
		}
		fmt.Fprintf(&b, "+%d %s %q\n", s.after.Milliseconds(), way, s.bytes)
	}
	fmt.Fprintf(&b, "exit %d\n", r.exit)
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// play is the recorded program: it writes what that wrote, when it was typed
// what that was typed. It returns the exit code.
func (r recording) play() int {
	old, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return 1
	}
	defer func() { _ = term.Restore(int(os.Stdin.Fd()), old) }()
	for n, s := range r.steps {
		if !s.typed {
			<-time.After(min(s.after, longestStep))
			if _, err := io.WriteString(os.Stdout, s.bytes); err != nil {
				return 1
			}
			continue
		}
		typed := make([]byte, len(s.bytes))
		if _, err := io.ReadFull(os.Stdin, typed); err != nil || string(typed) != s.bytes {
			fmt.Printf("\r\nstep %d: typed %q, recorded %q (%v)\r\n", n+1, typed, s.bytes, err)
			return wrongKeys
		}
	}
	return r.exit
}

// record runs a program on a terminal of its own, between this one and it, and
// writes down what passes. It returns the exit code.
func record(program string, args []string, path string) int {
	old, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return 1
	}
	defer func() { _ = term.Restore(int(os.Stdin.Fd()), old) }()
	size, err := pty.GetsizeFull(os.Stdin)
	if err != nil {
		return 1
	}
	command := exec.Command(program, args...)
	inner, err := pty.StartWithSize(command, size)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var mu sync.Mutex
	var r recording
	last := time.Now()
	pass := func(from io.Reader, to io.Writer, typed bool) {
		b := make([]byte, 1<<15)
		for {
			n, err := from.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			now := time.Now()
			r.steps = append(r.steps, step{now.Sub(last), typed, string(b[:n])})
			last = now
			mu.Unlock()
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
	go pass(os.Stdin, inner, true) // ends with the process
	pass(inner, os.Stdout, false)
	if err := command.Wait(); err != nil && command.ProcessState == nil {
		return 1
	}
	mu.Lock()
	defer mu.Unlock()
	r.exit = command.ProcessState.ExitCode()
	if err := r.write(path); err != nil {
		fmt.Println(err)
		return 1
	}
	return r.exit
}

// playOrRecord does what the variables tell and ends the process; without
// them it returns.
func playOrRecord() {
	if path := os.Getenv(recordVar); path != "" {
		os.Exit(record(os.Getenv(realVar), os.Args[1:], path))
	}
	path := os.Getenv(playVar)
	if path == "" {
		return
	}
	r, err := readRecording(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(r.play())
}

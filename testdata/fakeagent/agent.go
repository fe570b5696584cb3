package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// agent is the state of the scripted agent.
type agent struct {
	args    []string
	session string
	model   string
	mode    string
	prompts chan prompt
	// interrupted tells the running turn to end.
	interrupted atomic.Bool
	// answers hands over the answer to the open ask.
	answers chan json.RawMessage

	mu  sync.Mutex // guards out
	out *bufio.Writer

	turns, messages, asks int
	blocks                int
	said                  strings.Builder
}

// prompt is one user frame.
type prompt struct{ text, uuid string }

func newAgent(args []string) *agent {
	return &agent{
		args: args, session: flagOr(args, "--session-id", flagOr(args, "--resume", "5e551011-0000-4000-8000-000000000001")),
		model: flagOr(args, "--model", "claude-fake-1"), mode: flagOr(args, "--permission-mode", "default"),
		prompts: make(chan prompt, 1024), answers: make(chan json.RawMessage, 16),
		out: bufio.NewWriterSize(os.Stdout, 64<<10),
	}
}

// flagOr returns the value after a flag.
func flagOr(args []string, name, otherwise string) string {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == name {
			return args[i+1]
		}
	}
	return otherwise
}

// turn runs the steps of one prompt between init and result.
func (a *agent) turn(p prompt, steps []string) {
	begin := time.Now()
	a.interrupted.Store(false)
	a.turns++
	a.lifecycle(p.uuid, "started")
	a.emit(a.initFrame())
	known := false
	for _, step := range steps {
		if a.interrupted.Load() {
			break
		}
		known = a.do(step) || known
	}
	if !known {
		a.deltas(3, 0, 64)
	}
	a.emit(a.resultFrame(p, begin))
	a.lifecycle(p.uuid, "completed")
	a.flush()
}

// do runs one step; false if it is none.
func (a *agent) do(step string) bool {
	word, rest, _ := strings.Cut(step, " ")
	switch word {
	case "say":
		a.message(func(block func(text string)) { block(rest) })
	case "deltas", "flood":
		fields := strings.Fields(rest)
		a.deltas(number(fields, 0, 3), option(fields, "rate", 0), option(fields, "size", 64))
	case "ask":
		tool, input, _ := strings.Cut(rest, " ")
		a.ask(tool, input)
	case "line":
		a.raw([]byte(rest + "\n"))
	case "junk":
		a.junk(rest)
	case "stderr":
		writeStderr(number([]string{rest}, 0, 1))
	case "env":
		a.emit(environmentFrame(a.args))
	case "tree":
		a.emit(map[string]any{"type": "system", "subtype": "fake_tree", "pids": startTree()})
	case "hold":
		startMember(os.Stdout, "sleep")
	default:
		return a.end(word, rest)
	}
	a.flush()
	return true
}

// number returns the field as a number.
func number(fields []string, i, otherwise int) int {
	if i < len(fields) {
		if n, err := strconv.Atoi(fields[i]); err == nil {
			return n
		}
	}
	return otherwise
}

// option returns the number after a word.
func option(fields []string, name string, otherwise int) int {
	for i, f := range fields {
		if f == name {
			return number(fields, i+1, otherwise)
		}
	}
	return otherwise
}

// emit writes one frame.
func (a *agent) emit(frame any) {
	b, err := json.Marshal(frame)
	if err != nil {
		panic(err) // a frame of our own making
	}
	a.raw(append(b, '\n'))
}

// raw writes bytes as they are.
func (a *agent) raw(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.out.Write(b)
}

func (a *agent) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.out.Flush()
}

// writeStderr writes numbered lines.
func writeStderr(lines int) {
	for i := range lines {
		fmt.Fprintf(os.Stderr, "stderr line %d\n", i+1)
	}
}

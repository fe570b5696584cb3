// Command fakeagent stands in for a coding agent in tests. It speaks the
// stream-json lines of Claude Code (claude/PROTOCOL.md) well
// enough for a session to run, and misbehaves on demand.
//
// What it does is a script: steps, one per line or separated by ";;". The
// text of a prompt is the script of its turn. The file named by
// FAKEAGENT_SCRIPT may hold another: lines before "prompt:" run at the start,
// lines after it run for every prompt, whatever its text.
//
//	say TEXT              a message of one delta
//	deltas N [rate R] [size S]   N stamped deltas, R a second, S bytes of text each
//	flood N               the same as fast as possible
//	ask TOOL JSON         asks for a permission and waits for the answer
//	line TEXT             TEXT as a line of output
//	junk [KIND]           lines that are no frames, see junk.go
//	stderr N              N lines of standard error
//	env                   a frame with environment, arguments and descriptors
//	tree                  leaves children, daemons and escapees, see tree.go
//	hold                  leaves a child that keeps standard output open
//	exit CODE, signal NUMBER, hang, deaf, stubborn, sleep MS    see end.go
//
// Every byte of standard input is appended to the file FAKEAGENT_LEDGER.
// Command line flags are accepted and ignored, but for --version.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	args := os.Args[1:]
	switch {
	case slices.Contains(args, "--version"):
		fmt.Println("2.1.330 (Claude Code)")
		return
	case len(args) > 0 && args[0] == "--member":
		beMember(args[1:])
		return
	}
	a := newAgent(args)
	a.watchSignals()
	start, prompt := readScript(os.Getenv("FAKEAGENT_SCRIPT"))
	for _, step := range start {
		a.do(step)
	}
	a.flush()
	go a.readInput()
	for p := range a.prompts {
		if prompt != nil {
			a.turn(p, prompt)
		} else {
			a.turn(p, splitSteps(p.text))
		}
	}
}

// readScript returns the steps of the start and those of each prompt; nil if
// the prompt's own text shall run.
func readScript(path string) (start, prompt []string) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot read the script:", err)
		os.Exit(2)
	}
	before, after, found := strings.Cut(string(b), "prompt:")
	start = splitSteps(before)
	if found {
		prompt = splitSteps(after)
	}
	return start, prompt
}

// splitSteps cuts a script into its steps.
func splitSteps(script string) []string {
	var steps []string
	for line := range strings.Lines(script) {
		for step := range strings.SplitSeq(line, ";;") {
			if step = strings.TrimSpace(step); step != "" {
				steps = append(steps, step)
			}
		}
	}
	return steps
}

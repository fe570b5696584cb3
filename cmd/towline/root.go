package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

// The exit codes.
const (
	exitFailed = 1 // the command was done, and failed
	exitUsage  = 2 // the command could not be started
)

// terminal is what a command talks to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	// env is the environment, each as NAME=value.
	env []string
}

// lookup returns a variable of the environment, or "".
func (t *terminal) lookup(name string) string {
	for _, kv := range t.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error // nil if everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as one of the start: exit code 2.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

// execute runs a command line and returns its exit code. An error is one line
// on the standard error.
func execute(ctx context.Context, t *terminal, args []string) int {
	root := newRoot(t)
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintln(t.err, "towline: "+sentence(err))
	return code
}

// sentence is an error as people read it: on one line, and a refusal without
// its code, which is for programs.
func sentence(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		text = strings.Replace(text, e.Error(), e.Message, 1)
	}
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
}

// newRoot builds the command tree.
func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:           "towline",
		Short:         "Steer coding agents in a sandbox over one WebSocket",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
	})
	root.AddCommand(
		newServe(t), newRun(t), newAttach(t), newSend(t), newApprove(t), newDeny(t), newAnswer(t),
		newInterrupt(t), newSessions(t), newAgents(t), newVersion(t), newDelegate(t),
	)
	return root
}

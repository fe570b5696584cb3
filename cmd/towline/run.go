package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func newRun(t *terminal) *cobra.Command {
	o, envErr := serveOptionsFromEnv(t)
	o.LogLevel = "error"
	create := &protocol.SessionCreate{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "run AGENT [PROMPT...]",
		Short: "Run a session in this folder, with a server of its own",
		Long: "Run a session in this folder, with a server of its own that ends with it; the transcript stays.\n" +
			"Without PROMPT each line of the input is one. Ctrl-C stops the turn, twice the program.",
		Args: cobra.MinimumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.StateDir, "state-dir", o.StateDir, "folder for the transcript (default ${XDG_STATE_HOME:-~/.local/state}/towline)")
	o.addAgentFlag(f)
	f.StringVar(&o.AgentsDir, "agents-dir", o.AgentsDir, "folder for installed agents")
	f.BoolVar(&o.NoInstall, "no-install", o.NoInstall, "never install an agent on demand")
	f.StringVar(&create.Model, "model", "", "the model")
	f.StringVar(&create.Mode, "mode", "", "the mode")
	f.StringVar(&create.PermissionMode, "permission-mode", "", "the permission mode")
	f.StringVar(&create.Resume, "resume", "", "a native session to go on from")
	f.BoolVar(&asJSON, "json", false, "print events as NDJSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if envErr != nil {
			return usage(envErr)
		}
		create.Agent = args[0]
		return runHere(cmd.Context(), t, o, create, strings.Join(args[1:], " "), asJSON)
	}
	return cmd
}

// runHere serves, runs one session, and stops serving.
func runHere(ctx context.Context, t *terminal, o *serveOptions, create *protocol.SessionCreate, prompt string, asJSON bool) (err error) {
	o.Listen = "127.0.0.1:0"
	o.TokenFile = ""
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	if create.Directory, err = os.Getwd(); err != nil {
		return usage(fmt.Errorf("cannot tell in which folder to run: %w", err))
	}
	s, err := startServer(ctx, t, o)
	if err != nil {
		return usage(err)
	}
	remove, err := writeServerFile(s.stateDir, s.url())
	if err != nil {
		s.abandon()
		return usage(err)
	}
	defer remove()
	url := s.url()
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- s.serve(serving) }()
	err = runSession(ctx, t, url, s.token, create, prompt, asJSON, signals)
	stop()
	return errors.Join(err, <-served)
}

// runSession makes the session and talks until it is over.
func runSession(ctx context.Context, t *terminal, url, token string, create *protocol.SessionCreate, prompt string, asJSON bool, signals <-chan os.Signal) error {
	client, err := clientlib.Dial(ctx, url, clientlib.WithToken(token))
	if err != nil {
		return err
	}
	info, err := client.CreateSession(ctx, *create)
	if err != nil {
		return err
	}
	stream, err := client.Attach(ctx, info.ID, clientlib.AttachOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	c := &conversation{
		terminal: t, stream: stream, render: newRenderer(t.out, coloured(t, t.out)), json: asJSON,
		person: isTerminal(t.in) && isTerminal(t.out) && !asJSON, prompts: prompt == "", interrupts: true,
	}
	if asJSON {
		c.until = endOfSession
	}
	if prompt != "" {
		r, err := stream.Prompt(ctx, protocol.Prompt{Text: prompt})
		if err != nil {
			return err
		}
		c.until = endOfPrompt(r.PromptID)
	}
	if err := c.talk(ctx, signals); err != nil {
		return err
	}
	if prompt == "" && c.outcome == "" {
		return nil // nothing was asked
	}
	return failedUnless(c.outcome)
}

// failedUnless makes an exit code of a turn's outcome, which was shown.
func failedUnless(o protocol.Outcome) error {
	if o == protocol.OutcomeCompleted {
		return nil
	}
	return &exitError{code: exitFailed}
}

func endOfSession(e protocol.Event) bool { return e.Data.EventType() == protocol.TypeSessionEnded }

// endOfPrompt tells when a prompt is over: its turn ended, it was withdrawn,
// or the session ended.
func endOfPrompt(id string) func(protocol.Event) bool {
	mine := false
	return func(e protocol.Event) bool {
		switch d := e.Data.(type) {
		case *protocol.TurnStarted:
			mine = slices.Contains(d.PromptIDs, id)
		case *protocol.PromptWithdrawn:
			return d.PromptID == id
		case *protocol.TurnEnded:
			return mine
		}
		return endOfSession(e)
	}
}

package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func newAttach(t *terminal) *cobra.Command {
	var after, view string
	var noFollow, live, raw bool
	cmd := &cobra.Command{
		Use:   "attach SESSION",
		Short: "Show a session as it goes on, and take part in it",
		Long: "Show a session's events, from its beginning or after a cursor, and follow it until Ctrl-C;\n" +
			"the session goes on. On a terminal it asks for decisions, and lines typed between turns are prompts.\n" +
			"With --terminal show the live terminal of a session that has one, type on it, and end with its program;\n" +
			"with --terminal --no-follow print what its screen shows.",
		Args: cobra.ExactArgs(1),
	}
	c := newConnection(t, cmd)
	cmd.Flags().StringVar(&after, "after", "", "begin after this seq, or at the head (default: the beginning)")
	cmd.Flags().StringVar(&view, "view", "full", "full, items (no deltas) or asks")
	cmd.Flags().BoolVar(&noFollow, "no-follow", false, "print what there is and stop")
	cmd.Flags().BoolVar(&live, "terminal", false, "show the program's live terminal instead; Ctrl-] q leaves")
	cmd.Flags().BoolVar(&raw, "raw", false, "with --terminal: let through what the program does beside its screen, too, such as titles and the clipboard")
	cmd.MarkFlagsMutuallyExclusive("terminal", "after")
	cmd.MarkFlagsMutuallyExclusive("terminal", "view")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cursor, err := protocol.ParseCursor(after)
		if err != nil {
			return usage(err)
		}
		client, err := c.dial(cmd.Context())
		if err != nil {
			return err
		}
		if raw && !live {
			return usage(errors.New("--raw goes with --terminal"))
		}
		if live && noFollow {
			return printScreen(cmd.Context(), c, client, args[0])
		}
		if live {
			return attachTerminal(cmd.Context(), t, client, args[0], raw)
		}
		s, err := client.Attach(cmd.Context(), args[0], clientlib.AttachOptions{After: cursor, View: protocol.View(view)})
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(signals)
		person := isTerminal(t.in) && isTerminal(t.out) && !c.json && !noFollow
		talk := &conversation{
			terminal: t, stream: s, render: newRenderer(t.out, coloured(t, t.out)), json: c.json, person: person, prompts: person,
			quiet: true, turn: s.Hello().State.Turn != nil,
		}
		if noFollow {
			head := s.Hello().Head
			if _, at := s.Cursor(); at >= head {
				return nil
			}
			talk.until = func(e protocol.Event) bool { return e.Seq >= head }
		}
		return talk.talk(cmd.Context(), signals)
	}
	return cmd
}

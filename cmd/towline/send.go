package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func newSend(t *terminal) *cobra.Command {
	var delivery string
	var wait bool
	cmd := &cobra.Command{
		Use:   "send SESSION TEXT...",
		Short: "Send a prompt to a session",
		Args:  cobra.MinimumNArgs(2),
	}
	c := newConnection(t, cmd)
	id := idFlag(cmd)
	cmd.Flags().StringVar(&delivery, "delivery", "queue", "while a turn is open: queue, steer, interrupt or reject")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the session until the prompt is done; the exit code is 1 if it failed")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := &protocol.Prompt{Text: strings.Join(args[1:], " "), Delivery: protocol.Delivery(delivery)}
		if wait {
			return sendAndWait(cmd.Context(), c, args[0], *id, p)
		}
		var r protocol.PromptResult
		return c.command(cmd, args[0], *id, p, &r, func() string {
			return fmt.Sprintf("prompt %s accepted", r.PromptID)
		})
	}
	return cmd
}

// sendAndWait shows the session from its head until the prompt is done.
func sendAndWait(ctx context.Context, c *connection, session, id string, p *protocol.Prompt) error {
	client, err := c.dial(ctx)
	if err != nil {
		return err
	}
	s, err := client.Attach(ctx, session, clientlib.AttachOptions{After: protocol.Cursor{Head: true}})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var opts []clientlib.CommandOption
	if id != "" {
		opts = append(opts, clientlib.WithID(id))
	}
	r, err := s.Prompt(ctx, *p, opts...)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	t := c.terminal
	talk := &conversation{
		terminal: t, stream: s, render: newRenderer(t.out, coloured(t, t.out)), json: c.json,
		person: isTerminal(t.in) && isTerminal(t.out) && !c.json, until: endOfPrompt(r.PromptID),
	}
	if err := talk.talk(ctx, signals); err != nil {
		return err
	}
	return failedUnless(talk.outcome)
}

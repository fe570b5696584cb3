package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newSend(t *terminal) *cobra.Command {
	var delivery string
	cmd := &cobra.Command{
		Use:   "send SESSION TEXT...",
		Short: "Send a prompt to a session",
		Args:  cobra.MinimumNArgs(2),
	}
	c := newConnection(t, cmd)
	id := idFlag(cmd)
	cmd.Flags().StringVar(&delivery, "delivery", "queue", "while a turn is open: queue, steer, interrupt or reject")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := &protocol.Prompt{Text: strings.Join(args[1:], " "), Delivery: protocol.Delivery(delivery)}
		var r protocol.PromptResult
		return c.command(cmd, args[0], *id, p, &r, func() string {
			return fmt.Sprintf("prompt %s accepted", r.PromptID)
		})
	}
	return cmd
}

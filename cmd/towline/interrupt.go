package main

import (
	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newInterrupt(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "interrupt SESSION",
		Short: "Stop a session's open turn",
		Args:  cobra.ExactArgs(1),
	}
	c := newConnection(t, cmd)
	id := idFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.command(cmd, args[0], *id, &protocol.TurnInterrupt{}, nil, func() string { return "interrupted" })
	}
	return cmd
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newSessionsEnd(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "end SESSION",
		Short: "End a session; its transcript stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.command(cmd, args[0], "", &protocol.SessionEnd{}, nil, func() string { return args[0] + " ended" })
		},
	}
}

func newSessionsDelete(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "delete SESSION",
		Short: "End a session and remove everything of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			if err := client.Delete(cmd.Context(), args[0]); err != nil {
				return err
			}
			if c.json {
				return writeJSON(c.terminal.out, map[string]string{"deleted": args[0]})
			}
			_, err = fmt.Fprintln(c.terminal.out, args[0]+" deleted")
			return err
		},
	}
}

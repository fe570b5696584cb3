package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newSessionsEvents(c *connection) *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{
		Use:   "events SESSION",
		Short: "Print a page of a session's events",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			page, err := client.Events(cmd.Context(), args[0], after, limit)
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(c.terminal.out, page)
			}
			for i := range page.Events {
				if err := writeJSON(c.terminal.out, page.Events[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "begin after this seq")
	cmd.Flags().IntVar(&limit, "limit", 0, "how many at most (default: what the server gives)")
	return cmd
}

func newSessionsExport(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "export SESSION",
		Short: "Print a session's whole history as NDJSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			history, err := client.Export(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer func() { _ = history.Close() }()
			if _, err := io.Copy(c.terminal.out, history); err != nil {
				return fmt.Errorf("the export was cut off: %w", err)
			}
			return nil
		},
	}
}

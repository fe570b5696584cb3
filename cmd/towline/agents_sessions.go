package main

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newAgentsSessions(c *connection) *cobra.Command {
	var directory string
	cmd := &cobra.Command{
		Use:   "sessions AGENT",
		Short: "List the sessions that an agent keeps by itself, to go on from with --resume",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listNative(cmd, c, args[0], directory)
		},
	}
	cmd.Flags().StringVar(&directory, "directory", ".", "the folder that the sessions belong to, on the server's machine")
	return cmd
}

// listNative prints a table, or a line of JSON for each.
func listNative(cmd *cobra.Command, c *connection, agent, directory string) error {
	client, err := c.dial(cmd.Context())
	if err != nil {
		return err
	}
	directory, err = filepath.Abs(directory)
	if err != nil {
		return fmt.Errorf("cannot find the folder: %w", err)
	}
	list, err := client.NativeSessions(cmd.Context(), agent, directory)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(c.terminal.out, 0, 4, 2, ' ', 0)
	for _, s := range list.Sessions {
		if c.json {
			if err := writeJSON(c.terminal.out, s); err != nil {
				return err
			}
			continue
		}
		updated := "-"
		if s.UpdatedAt != nil {
			updated = s.UpdatedAt.Local().Format("2006-01-02 15:04")
		}
		if _, err := fmt.Fprintf(out, "%s\t%s\t%s\n", s.NativeSessionID, updated, firstOf(s.Title, "-")); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if list.Truncated {
		_, err = fmt.Fprintln(c.terminal.err, "there are more")
	}
	return err
}

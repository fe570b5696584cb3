package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func newSessions(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List, show, export, end and delete sessions",
		Args:  cobra.NoArgs,
	}
	c := newConnection(t, cmd)
	list := newSessionsList(c)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return listSessions(cmd, c, clientlib.SessionFilter{}) }
	cmd.AddCommand(list, newSessionsCreate(c), newSessionsShow(c), newSessionsEvents(c), newSessionsExport(c), newSessionsEnd(c), newSessionsDelete(c))
	return cmd
}

func newSessionsList(c *connection) *cobra.Command {
	var f clientlib.SessionFilter
	var status string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List sessions, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Status = protocol.Status(status)
			return listSessions(cmd, c, f)
		},
	}
	cmd.Flags().StringVar(&f.Agent, "agent", "", "only sessions of this agent")
	cmd.Flags().StringVar(&status, "status", "", "only sessions of this status")
	return cmd
}

// listSessions prints all pages of a listing.
func listSessions(cmd *cobra.Command, c *connection, f clientlib.SessionFilter) error {
	client, err := c.dial(cmd.Context())
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(c.terminal.out, 0, 4, 2, ' ', 0)
	for first := true; first || f.Before != ""; first = false {
		page, err := client.Sessions(cmd.Context(), f)
		if err != nil {
			return err
		}
		for i := range page.Sessions {
			if err := c.printSession(out, &page.Sessions[i]); err != nil {
				return err
			}
		}
		f.Before = page.Next
	}
	return out.Flush()
}

// printSession prints a session as a row, or as a line of JSON.
func (c *connection) printSession(out io.Writer, s *protocol.Session) error {
	if c.json {
		return writeJSON(c.terminal.out, s)
	}
	_, err := fmt.Fprintf(out, "%s\t%s\t%s\t%d events\t%s\t%s\n", s.ID, s.Agent, s.Status, s.Head, s.Directory, harmless(s.Title))
	return err
}

func newSessionsShow(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "show SESSION",
		Short: "Show a session and its state",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			s, err := client.Session(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			state, err := client.State(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(c.terminal.out, map[string]any{"session": s, "state": state})
			}
			if err := c.printSession(c.terminal.out, &s); err != nil {
				return err
			}
			r := newRenderer(c.terminal.out, coloured(c.terminal, c.terminal.out))
			for i := range state.Permissions {
				r.permission(&state.Permissions[i])
			}
			for i := range state.Questions {
				r.question(&state.Questions[i])
			}
			return r.err
		},
	}
}

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newSessionsCreate(c *connection) *cobra.Command {
	var req protocol.SessionCreate
	cmd := &cobra.Command{
		Use:   "create AGENT",
		Short: "Make a session and print its id",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req.Agent = args[0]
			if req.Directory == "" {
				if req.Directory, err = os.Getwd(); err != nil {
					return usage(fmt.Errorf("cannot tell the folder: %w; name one with --directory", err))
				}
			}
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			s, err := client.CreateSession(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(c.terminal.out, s)
			}
			_, err = fmt.Fprintln(c.terminal.out, s.ID)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.SessionID, "id", "", "the session's id (default: the server makes one)")
	f.StringVar(&req.Directory, "directory", "", "where the agent works, on the server's machine (default: this folder)")
	f.StringVar(&req.Model, "model", "", "the model")
	f.StringVar(&req.Mode, "mode", "", "the mode")
	f.StringVar(&req.PermissionMode, "permission-mode", "", "the permission mode")
	f.StringVar(&req.Title, "title", "", "a title")
	f.StringVar(&req.Resume, "resume", "", "a native session to go on from")
	return cmd
}

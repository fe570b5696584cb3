package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

// idFlag adds the flag for a command's idempotency key.
func idFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("id", "", "the command's id: sent twice, it runs once (default: a new one)")
}

// command sends a command, and prints its result or what done says. The
// result's data is decoded into data, which may be nil.
func (c *connection) command(cmd *cobra.Command, session, id string, what protocol.Command, data any, done func() string) error {
	client, err := c.dial(cmd.Context())
	if err != nil {
		return err
	}
	r, err := client.Command(cmd.Context(), session, id, what)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.terminal.out, r)
	}
	if data != nil && len(r.Data) > 0 {
		if err := json.Unmarshal(r.Data, data); err != nil {
			return fmt.Errorf("cannot read the result: %w", err)
		}
	}
	_, err = fmt.Fprintln(c.terminal.out, done())
	return err
}

package main

import (
	"github.com/spf13/cobra"

	"github.com/towline-dev/towline/agents/amp"
)

// newDelegate is what Amp runs, by the name amp.DelegateName, to ask whether a
// tool may run. It is no command for people.
func newDelegate(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use:    "delegate",
		Short:  "Ask the server for one of Amp's tool calls",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if code := amp.Delegate(t.env, t.in, t.err); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

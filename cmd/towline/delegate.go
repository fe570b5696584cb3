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
		// Whatever Amp passes, the answer is 0 or 2: a mistake in the command
		// line must not end with 1, which would make Amp ask by itself.
		Args:               cobra.ArbitraryArgs,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			if code := amp.Delegate(t.env, t.in, t.err); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

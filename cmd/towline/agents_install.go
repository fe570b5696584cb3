package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newAgentsInstall(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "install AGENT",
		Short: "Install an agent's pinned version on the server's machine",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			if err := client.Install(cmd.Context(), args[0], c.printProgress); err != nil {
				return err
			}
			a, err := client.Agent(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.printAgents([]protocol.AgentInfo{a})
		},
	}
}

// printProgress tells a step on the standard error; it is not the result.
func (c *connection) printProgress(p protocol.InstallProgress) {
	text := p.Phase
	if p.Total > 0 {
		text += fmt.Sprintf(" %d%%", p.Done*100/p.Total)
	}
	_, _ = fmt.Fprintln(c.terminal.err, text, harmless(p.Message))
}

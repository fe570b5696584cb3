package main

import (
	"fmt"
	"io"

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
			steps := &installSteps{out: c.terminal.err}
			if err := client.Install(cmd.Context(), args[0], steps.print); err != nil {
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

// installSteps prints the steps of an installation on the standard error; they
// are not the result.
type installSteps struct {
	out  io.Writer
	last string
}

// print tells a step: each phase once, and each tenth of it where its size is
// known.
func (i *installSteps) print(p protocol.InstallProgress) {
	text := p.Phase
	if p.Total > 0 {
		text += fmt.Sprintf(" %d%%", p.Done*10/p.Total*10)
	}
	if p.Message != "" {
		text += " " + harmless(p.Message)
	}
	if text == i.last {
		return
	}
	i.last = text
	_, _ = fmt.Fprintln(i.out, text)
}

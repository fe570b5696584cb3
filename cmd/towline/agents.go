package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

func newAgents(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List, install, check and replay agents",
		Args:  cobra.NoArgs,
	}
	c := newConnection(t, cmd)
	list := &cobra.Command{
		Use:   "list",
		Short: "List the agents that the server offers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return listAgents(cmd, c) },
	}
	cmd.RunE = list.RunE
	cmd.AddCommand(list, newAgentsSessions(c), newAgentsInstall(c), newAgentsReplay(t), newAgentsDoctor(t, c))
	return cmd
}

func listAgents(cmd *cobra.Command, c *connection) error {
	client, err := c.dial(cmd.Context())
	if err != nil {
		return err
	}
	all, err := client.Agents(cmd.Context())
	if err != nil {
		return err
	}
	return c.printAgents(all)
}

// printAgents prints a table, or a line of JSON for each.
func (c *connection) printAgents(all []protocol.AgentInfo) error {
	out := tabwriter.NewWriter(c.terminal.out, 0, 4, 2, ' ', 0)
	for i := range all {
		a := &all[i]
		if c.json {
			if err := writeJSON(c.terminal.out, a); err != nil {
				return err
			}
			continue
		}
		credentials := firstOf(a.Credentials, "unknown")
		if _, err := fmt.Fprintf(out, "%s\t%s\t%s\tpinned %s\tcredentials %s\t%s\n", a.Name, a.Status, firstOf(a.Version, "-"),
			firstOf(a.Pinned, "-"), credentials, firstOf(a.Path, a.Message, a.Origin)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// unknownAgent says which agents there are.
func unknownAgent(r *agents.Registry, name string) error {
	return fmt.Errorf("there is no agent %q; known are %s", name, strings.Join(r.Names(), ", "))
}

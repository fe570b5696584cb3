package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

// doctor tells what is found of agents, and whether they do what they claim.
type doctor struct {
	*connection

	options *serveOptions
	// noCheck leaves out to drive the agents.
	noCheck bool
}

func newAgentsDoctor(t *terminal, c *connection) *cobra.Command {
	o, envErr := serveOptionsFromEnv(t)
	d := &doctor{connection: c, options: o}
	cmd := &cobra.Command{
		Use:   "doctor [AGENT...]",
		Short: "Tell what is found of each agent on this machine, and prove what it claims",
		Long: "Tell what is found of each agent on this machine: executable, version, login. It needs no server.\n" +
			"Then drive each agent that is ready through short scripted conversations, and tell of each capability whether\n" +
			"it is proven. The agent runs as you, in a temporary home, with a scripted model on loopback: it does not see your\n" +
			"files or logins, and its vendor is not asked. This takes a minute or two for each agent; --no-check leaves it out.\n" +
			"The exit code is 1 if an agent that was named cannot be used, or a capability that is claimed is not proven.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if envErr != nil {
				return usage(envErr)
			}
			o.StateDir = c.stateDir
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return d.run(ctx, args)
		},
	}
	o.addAgentFlag(cmd.Flags())
	cmd.Flags().StringVar(&o.AgentsDir, "agents-dir", o.AgentsDir, "folder for installed agents")
	cmd.Flags().BoolVar(&d.noCheck, "no-check", false, "tell what is found, and drive no agent")
	return cmd
}

// run prints what is found of the named agents, or of all, and drives those
// that are ready.
func (d *doctor) run(ctx context.Context, names []string) error {
	found, err := d.find(ctx, names)
	if err != nil {
		return err
	}
	if err := d.printAgents(found); err != nil {
		return err
	}
	var wrong []string
	var ready []protocol.AgentInfo
	for _, info := range found {
		switch {
		case info.Status == "ready":
			ready = append(ready, info)
		case len(names) > 0:
			wrong = append(wrong, fmt.Sprintf("%s cannot be used: %s", info.Name, firstOf(info.Message, info.Status)))
		}
	}
	if !d.noCheck {
		unproven, err := d.prove(ctx, ready)
		if err != nil {
			return err
		}
		wrong = append(wrong, unproven...)
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// find looks for the named agents, or for all.
func (d *doctor) find(ctx context.Context, names []string) ([]protocol.AgentInfo, error) {
	dir, err := stateDir(d.terminal, d.options.StateDir)
	if err != nil {
		return nil, usage(err)
	}
	registry, err := newRegistry(d.terminal, d.options, dir, newLog(d.terminal, "error"))
	if err != nil {
		return nil, usage(err)
	}
	if len(names) == 0 {
		names = registry.Names()
	}
	var found []protocol.AgentInfo
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		a, err := registry.Get(name)
		if err != nil {
			return nil, unknownAgent(registry, name)
		}
		found = append(found, a.Info(ctx))
	}
	return found, nil
}

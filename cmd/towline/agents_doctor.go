package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newAgentsDoctor(t *terminal, c *connection) *cobra.Command {
	o, envErr := serveOptionsFromEnv(t)
	cmd := &cobra.Command{
		Use:   "doctor [AGENT...]",
		Short: "Tell what is found of each agent on this machine",
		Long: "Tell what is found of each agent on this machine: executable, version, login. It needs no server.\n" +
			"The exit code is 1 if an agent that was named cannot be used.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if envErr != nil {
				return usage(envErr)
			}
			o.StateDir = c.stateDir
			return doctor(cmd, t, c, o, args)
		},
	}
	cmd.Flags().StringArrayVar(&o.Agent, "agent", o.Agent, "an agent's executable, as claude=/path, or command, as 'my-agent=my-agent --acp'; repeatable")
	cmd.Flags().StringVar(&o.AgentsDir, "agents-dir", o.AgentsDir, "folder for installed agents")
	return cmd
}

// doctor prints what is found of the named agents, or of all.
func doctor(cmd *cobra.Command, t *terminal, c *connection, o *serveOptions, names []string) error {
	dir, err := stateDir(t, o.StateDir)
	if err != nil {
		return usage(err)
	}
	registry, err := newRegistry(t, o, dir, newLog(t, "error"))
	if err != nil {
		return usage(err)
	}
	named := len(names) > 0
	if !named {
		names = registry.Names()
	}
	var found []protocol.AgentInfo
	var broken []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		a, err := registry.Get(name)
		if err != nil {
			return unknownAgent(registry, name)
		}
		info := a.Info(cmd.Context())
		if named && info.Status != "ready" {
			broken = append(broken, fmt.Sprintf("%s cannot be used: %s", name, firstOf(info.Message, info.Status)))
		}
		found = append(found, info)
	}
	if err := c.printAgents(found); err != nil {
		return err
	}
	if len(broken) > 0 {
		return errors.New(strings.Join(broken, "; "))
	}
	return nil
}

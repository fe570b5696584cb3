package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func newApprove(t *terminal) *cobra.Command {
	return newDecide(t, "approve", "Allow what a session's agent asks for", protocol.Allow)
}

func newDeny(t *terminal) *cobra.Command {
	return newDecide(t, "deny", "Deny what a session's agent asks for", protocol.Deny)
}

// newDecide makes approve and deny.
func newDecide(t *terminal, name, short string, decision protocol.Decision) *cobra.Command {
	var option, scope, message, input string
	cmd := &cobra.Command{
		Use:   name + " SESSION [PERMISSION]",
		Short: short,
		Long:  short + ". Without PERMISSION it is the only one that waits.",
		Args:  cobra.RangeArgs(1, 2),
	}
	c := newConnection(t, cmd)
	id := idFlag(cmd)
	cmd.Flags().StringVar(&option, "option", "", "id of the option to choose, from the permission's list")
	cmd.Flags().StringVar(&scope, "scope", "", "once, session or always (default once)")
	cmd.Flags().StringVar(&message, "message", "", "a word for the agent")
	if decision == protocol.Allow {
		cmd.Flags().StringVar(&input, "input", "", "JSON that replaces the tool's input")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d := &protocol.PermissionDecide{OptionID: option, Scope: protocol.Scope(scope), Message: message}
		if option == "" {
			d.Decision = decision
		}
		if input != "" {
			if !json.Valid([]byte(input)) {
				return usage(errors.New("--input is no JSON: write it like '{\"command\":\"ls\"}'"))
			}
			d.Input = json.RawMessage(input)
		}
		client, err := c.dial(cmd.Context())
		if err != nil {
			return err
		}
		if d.PermissionID, err = askID(cmd, client, args, onlyPermission); err != nil {
			return err
		}
		var r protocol.DecideResult
		return c.command(cmd, args[0], *id, d, &r, func() string {
			return fmt.Sprintf("%s: %s, %s", r.PermissionID, r.Decision, r.Scope)
		})
	}
	return cmd
}

// askID is the second argument, or the id of the only ask that waits.
func askID(cmd *cobra.Command, client *clientlib.Client, args []string, only func(protocol.State) (string, error)) (string, error) {
	if len(args) > 1 && args[1] != "" {
		return args[1], nil
	}
	state, err := client.State(cmd.Context(), args[0])
	if err != nil {
		return "", err
	}
	return only(state)
}

// onlyPermission returns the permission that waits, if there is just one.
func onlyPermission(s protocol.State) (string, error) {
	switch len(s.Permissions) {
	case 0:
		return "", errors.New("no permission waits for a decision")
	case 1:
		return s.Permissions[0].PermissionID, nil
	default:
		return "", fmt.Errorf("%d permissions wait, the first is %s (%s): name the one you mean", len(s.Permissions),
			s.Permissions[0].PermissionID, s.Permissions[0].Title)
	}
}

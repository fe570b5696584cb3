// Command example sends one prompt to a session and prints the answer as it
// comes: example SESSION PROMPT. It finds the server by TOWLINE_URL and its
// token by TOWLINE_TOKEN_FILE.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: example SESSION PROMPT")
		os.Exit(2)
	}
	if err := talk(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// talk sends a prompt and prints until its turn has ended.
func talk(ctx context.Context, session, prompt string) error {
	token, err := os.ReadFile(os.Getenv("TOWLINE_TOKEN_FILE"))
	if err != nil {
		return err
	}
	client, err := clientlib.Dial(ctx, os.Getenv("TOWLINE_URL"), clientlib.WithToken(strings.TrimSpace(string(token))))
	if err != nil {
		return err
	}
	stream, err := client.Attach(ctx, session, clientlib.AttachOptions{After: protocol.Cursor{Head: true}})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	if _, err := stream.Prompt(ctx, protocol.Prompt{Text: prompt}); err != nil {
		return err
	}
	for event, err := range stream.Events(ctx) {
		if err != nil {
			return err // a *clientlib.GapError could be passed over
		}
		switch data := event.Data.(type) {
		case *protocol.ItemDelta:
			if _, err := fmt.Fprint(os.Stdout, data.Text); err != nil {
				return err
			}
		case *protocol.PermissionRequested:
			// Nobody is here to be asked: without a decision it would wait for ever.
			if _, err := stream.Decide(ctx, protocol.PermissionDecide{
				PermissionID: data.Permission.PermissionID, Decision: protocol.Deny, Message: "ask a person",
			}); err != nil {
				return err
			}
		case *protocol.TurnEnded:
			_, err := fmt.Fprintf(os.Stdout, "\n%s at event %d\n", data.Outcome, event.Seq)
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/clientlib"
)

// connection is how client commands find their server: the flags, then
// TOWLINE_URL and TOWLINE_TOKEN_FILE, then the local server's state folder.
type connection struct {
	terminal  *terminal
	url       string
	tokenFile string
	stateDir  string
	json      bool
}

// newConnection adds the flags that all client commands have.
func newConnection(t *terminal, cmd *cobra.Command) *connection {
	c := &connection{terminal: t}
	f := cmd.PersistentFlags()
	f.StringVar(&c.url, "url", t.lookup("TOWLINE_URL"), "the server's address (default: the running local server)")
	f.StringVar(&c.tokenFile, "token-file", t.lookup("TOWLINE_TOKEN_FILE"), "file that holds the token (default: that of the local server)")
	f.StringVar(&c.stateDir, "state-dir", t.lookup("TOWLINE_STATE_DIR"), "state folder of the local server")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return c
}

// dial finds the server and connects.
func (c *connection) dial(ctx context.Context) (*clientlib.Client, error) {
	dir, err := stateDir(c.terminal, c.stateDir)
	if err != nil && c.url == "" {
		return nil, err
	}
	url := c.url
	if url == "" {
		f, err := readServerFile(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no towline server runs with the state folder %s: start one with `towline serve`, or name one with --url", dir)
		}
		if err != nil {
			return nil, err
		}
		url = f.URL
	}
	token, err := c.token(dir)
	if err != nil {
		return nil, err
	}
	client, err := clientlib.Dial(ctx, url, clientlib.WithToken(token), clientlib.WithUserAgent("towline/"+versionText()))
	if err != nil && c.url == "" {
		return nil, fmt.Errorf("%w; it may have been killed: start it again with `towline serve`", err)
	}
	return client, err
}

// token reads the token file, TOWLINE_TOKEN or the local server's own.
func (c *connection) token(dir string) (string, error) {
	file := c.tokenFile
	if file == "" {
		if token := c.terminal.lookup("TOWLINE_TOKEN"); token != "" {
			return token, nil
		}
		file = tokenPath(dir)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the server's token: %w; name its file with --token-file", err)
	}
	return strings.TrimSpace(string(b)), nil
}

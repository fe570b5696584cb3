package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func newServe(t *terminal) *cobra.Command {
	o, envErr := serveOptionsFromEnv(t)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server until SIGTERM or SIGINT; a second signal ends it at once.\n" +
			"Each flag can also be given as a variable: --state-dir as TOWLINE_STATE_DIR. A flag wins; --agent adds to TOWLINE_AGENT.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if envErr != nil {
				return usage(envErr)
			}
			return serve(cmd.Context(), t, o)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// serve runs the server until a signal.
func serve(ctx context.Context, t *terminal, o *serveOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	done := make(chan struct{})
	defer close(done)
	go obeySignals(signals, done, stop)

	s, err := startServer(ctx, t, o)
	if err != nil {
		return usage(err)
	}
	warnIfOpen(t, s.listener.Addr())
	warnIfShared(t, o, os.Geteuid() == 0)
	remove, err := writeServerFile(s.stateDir, s.url())
	if err != nil {
		s.abandon()
		return usage(err)
	}
	defer remove()
	if _, err := fmt.Fprintln(t.out, "towline listening on "+s.url()); err != nil {
		s.abandon()
		return fmt.Errorf("cannot print the address: %w", err)
	}
	return s.serve(ctx)
}

// obeySignals stops gracefully at the first signal, and at once at the second.
func obeySignals(signals <-chan os.Signal, done <-chan struct{}, stop func()) {
	for _, act := range []func(){stop, func() { os.Exit(exitFailed) }} {
		select {
		case <-signals:
			act()
		case <-done:
			return
		}
	}
}

// warnIfOpen warns of an address that other machines can reach.
func warnIfOpen(t *terminal, addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		_, _ = fmt.Fprintf(t.err, "towline: warning: %s can be reached from other machines; whoever has the token controls the agents, "+
			"and without TLS in front of it the token can be read on the way\n", addr)
	}
}

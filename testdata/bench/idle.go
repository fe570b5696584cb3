package main

import (
	"context"
	"fmt"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	sessionBar = 64 << 10
	socketBar  = 26 << 10
	idleBar    = 25 << 20
	startBar   = 50 * time.Millisecond
	// perSession is how many idle sockets share a session: fewer than a
	// server allows.
	perSession = 50
	// quiet is how long a server may tidy up before its memory is read.
	quiet = 3 * time.Second
)

// idleSessions measures the memory of sessions that have no agent.
func idleSessions(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "sessions")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	each, err := srv.growth(ctx, b.size.sessions, func() error {
		for i := range b.size.sessions {
			if err := srv.create(ctx, fmt.Sprintf("idle-%d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("a session without agent, of %d (RSS)", b.size.sessions)
	return []row{{what, kib(each), "", "at most " + kib(sessionBar), each <= sessionBar}}, nil
}

// growth returns how much resident memory do adds, for each of n.
func (s *server) growth(ctx context.Context, n int, do func() error) (float64, error) {
	if err := pause(ctx, quiet); err != nil {
		return 0, err
	}
	before, err := s.rss()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	if err := pause(ctx, quiet); err != nil {
		return 0, err
	}
	after, err := s.rss()
	return float64(after-before) / float64(n), err
}

// idleSockets measures the memory of sockets on which nothing happens.
func idleSockets(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "sockets")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	for i := range b.size.sockets/perSession + 1 {
		if err := srv.create(ctx, fmt.Sprintf("idle-%d", i)); err != nil {
			return nil, err
		}
	}
	var socks []*socket
	defer func() {
		for _, sock := range socks {
			sock.close()
		}
	}()
	each, err := srv.growth(ctx, b.size.sockets, func() error {
		for i := range b.size.sockets {
			sock, err := dial(ctx, srv.socketURL(fmt.Sprintf("idle-%d", i/perSession), "after=0"), loopback(i/10))
			if err != nil {
				return fmt.Errorf("socket %d: %w", i+1, err)
			}
			socks = append(socks, sock)
			if err := sock.live(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("an idle socket, of %d (RSS of the server alone)", b.size.sockets)
	return []row{{what, kib(each), "", "at most " + kib(socketBar), each <= socketBar}}, nil
}

// start measures from the spawn to the line that tells that the server is
// ready, with events stored, and what it then holds in memory.
func start(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "start")
	if err != nil {
		return nil, err
	}
	_, _, err = srv.flood(ctx, "stored", fmt.Sprintf("flood %d", b.size.stored), b.size.stored)
	srv.stop()
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	var held []float64
	for range 2 * b.size.rounds {
		srv, err := b.startServer(ctx, "start")
		if err != nil {
			return nil, err
		}
		var rss int64
		if err = pause(ctx, quiet/3); err == nil {
			rss, err = srv.rss()
		}
		var got protocol.Session
		if err == nil {
			err = srv.call(ctx, "GET", "/v1/sessions/stored", nil, &got)
		}
		srv.stop()
		if err != nil {
			return nil, err
		}
		if got.Head < uint64(b.size.stored) {
			return nil, fmt.Errorf("after the restart there are %d events, want %d", got.Head, b.size.stored)
		}
		took, held = append(took, srv.ready), append(held, float64(rss))
	}
	with := fmt.Sprintf(" with %d stored events", b.size.stored)
	return []row{
		{"start to ready" + with, spread(took, millis), "", "at most " + millis(startBar), median(took) <= startBar},
		{"idle server" + with + " (RSS)", spread(held, mib), "", "at most " + mib(idleBar), median(held) <= idleBar},
	}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/session"
	"github.com/towline-dev/towline/session/store"
	"github.com/towline-dev/towline/session/store/sqlite"
	"github.com/towline-dev/towline/ws"
)

// closeTime bounds the end of all agents when the server stops.
const closeTime = 15 * time.Second

// server is everything that serves, wired together: the store, the agents, the
// sessions and the edge. startServer makes one; serve ends it.
type server struct {
	stateDir string
	token    string
	listener net.Listener
	edge     *ws.Server
	log      zerolog.Logger

	manager *session.Manager
	store   store.Store
	reaper  func()
}

// startServer opens everything that can fail, in the order in which it is
// needed, and closes it again when a later part fails.
func startServer(ctx context.Context, t *terminal, o *serveOptions) (_ *server, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &server{log: newLog(t, o.LogLevel), reaper: func() {}}
	defer func() {
		if err != nil {
			s.abandon()
		}
	}()
	if err := s.prepare(t, o); err != nil {
		return nil, err
	}
	if s.store, err = openStore(ctx, s.stateDir, o.Store); err != nil {
		return nil, err
	}
	if s.listener, err = listen(ctx, o.Listen); err != nil {
		return nil, err
	}
	if err := s.adoptProcesses(); err != nil {
		return nil, err
	}
	registry, err := newRegistry(t, o, s.stateDir, s.log)
	if err != nil {
		return nil, err
	}
	manager := session.NewManager(session.Options{Store: s.store, Agents: registry, Log: s.log, Raw: o.Raw})
	if err := manager.Start(ctx); err != nil {
		return nil, fmt.Errorf("cannot load the sessions: %w", err)
	}
	s.manager = manager
	s.edge = ws.New(ws.Options{
		Manager: s.manager, Token: []byte(s.token), AllowHosts: o.AllowHost, AllowOrigins: o.AllowOrigin,
		TrustProxy: o.TrustProxy, Version: versionText(), Log: s.log,
	})
	return s, nil
}

// prepare makes the state folder and finds the token.
func (s *server) prepare(t *terminal, o *serveOptions) error {
	if err := hideMemory(); err != nil {
		return err
	}
	token, err := takeToken(t, o.TokenFile)
	if err != nil {
		return err
	}
	if s.stateDir, err = stateDir(t, o.StateDir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.stateDir, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	if token == "" {
		token, err = keptToken(s.stateDir)
	}
	s.token = token
	return err
}

// adoptProcesses makes this process the parent of agents' orphans and ends
// what an earlier life left. It is called with the store locked, so that no
// other server of the folder lives.
func (s *server) adoptProcesses() error {
	stop, err := agents.BecomeReaper()
	if err != nil {
		return err
	}
	s.reaper = stop
	killed, err := agents.SweepLeftovers(s.stateDir)
	if err != nil {
		return fmt.Errorf("cannot end what an earlier server left: %w", err)
	}
	if killed > 0 {
		s.log.Warn().Int("processes", killed).Msg("Ended agents' processes that an earlier server left")
	}
	if swept := agents.SweepHandouts(); swept > 0 {
		s.log.Info().Int("folders", swept).Msg("Removed agents' temporary folders that an earlier server left")
	}
	return nil
}

// url is the server's address as local clients use it.
func (s *server) url() string { return "http://" + s.listener.Addr().String() }

// serve answers until ctx ends, then closes everything.
func (s *server) serve(ctx context.Context) error {
	err := s.edge.Serve(ctx, s.listener)
	s.listener = nil // Serve closed it
	return errors.Join(err, s.close())
}

// close ends the sessions, the agents' shared processes and the store, in this
// order.
func (s *server) close() error {
	var errs []error
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.manager != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err := s.manager.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("cannot close all sessions: %w", err))
		}
		errs = append(errs, s.manager.Agents().Close())
	}
	s.reaper()
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// abandon closes after a failed start, whose error is the one to tell.
func (s *server) abandon() { _ = s.close() }

// openStore opens the store of a state folder.
func openStore(ctx context.Context, dir, spec string) (store.Store, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(spec, "sqlite"), ":")
	if path == "" {
		path = filepath.Join(dir, "towline.db")
	}
	st, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("another towline server uses the state folder %s: stop it, or name another with --state-dir", dir)
	}
	if err != nil {
		return nil, err
	}
	return st, nil
}

// listen opens the address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is in use: stop what listens there, or choose another with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return ln, nil
}

// newLog writes to the standard error, as people read it.
func newLog(t *terminal, level string) zerolog.Logger {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		l = zerolog.InfoLevel // check refuses other words
	}
	return zerolog.New(zerolog.ConsoleWriter{Out: t.err, NoColor: !coloured(t, t.err), TimeFormat: time.RFC3339}).
		Level(l).With().Timestamp().Logger()
}

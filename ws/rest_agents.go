package ws

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// agentList is what GET /v1/agents returns.
type agentList struct {
	Agents []protocol.AgentInfo `json:"agents"`
}

// listAgents serves GET /v1/agents. Agents may have to run their executable to
// learn its version, so all are asked at once.
func (s *Server) listAgents(w http.ResponseWriter, r *http.Request) error {
	registry := s.manager.Agents()
	names := registry.Names()
	list := agentList{Agents: make([]protocol.AgentInfo, len(names))}
	var wg sync.WaitGroup
	for i, name := range names {
		a, err := registry.Get(name)
		if err != nil {
			return err
		}
		wg.Go(func() { list.Agents[i] = a.Info(r.Context()) })
	}
	wg.Wait()
	writeOK(w, list)
	return nil
}

// agent returns the agent that the path names. In a path an unknown name is
// not_found, as for every resource.
func (s *Server) agent(r *http.Request) (agents.Agent, error) {
	a, err := s.manager.Agents().Get(pathVar(r, "agent"))
	if err != nil {
		return nil, &statusError{err: protocol.AsError(err), status: http.StatusNotFound}
	}
	return a, nil
}

// getAgent serves GET /v1/agents/{agent}.
func (s *Server) getAgent(w http.ResponseWriter, r *http.Request) error {
	a, err := s.agent(r)
	if err != nil {
		return err
	}
	writeOK(w, a.Info(r.Context()))
	return nil
}

// listNative serves GET /v1/agents/{agent}/sessions.
func (s *Server) listNative(w http.ResponseWriter, r *http.Request) error {
	a, err := s.agent(r)
	if err != nil {
		return err
	}
	ctx, cancel := s.untilDrained(r)
	defer cancel()
	list, err := s.manager.NativeSessions(ctx, a, r.URL.Query().Get("directory"))
	if err != nil {
		return err
	}
	if list.Sessions == nil {
		list.Sessions = []protocol.NativeSession{}
	}
	writeOK(w, list)
	return nil
}

// installAgent serves POST /v1/agents/{agent}/install: with progress as an
// event stream if Accept asks for one, else with the agent's info at the end.
func (s *Server) installAgent(w http.ResponseWriter, r *http.Request) error {
	a, err := s.agent(r)
	if err != nil {
		return err
	}
	ctx, cancel := s.untilDrained(r)
	defer cancel()
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		s.streamInstall(ctx, w, a)
		return nil
	}
	if err := s.install(ctx, a, func(protocol.InstallProgress) {}); err != nil {
		return err
	}
	writeOK(w, a.Info(ctx))
	return nil
}

// streamInstall installs and tells each step. The last event is done or failed.
func (s *Server) streamInstall(ctx context.Context, w http.ResponseWriter, a agents.Agent) {
	out := newEventStream(w, s.timeouts.Write)
	tell := func(p protocol.InstallProgress) {
		_ = out.named("progress", "", p) // the installation goes on without its listener
	}
	if err := s.install(ctx, a, tell); err != nil {
		e := protocol.AsError(err)
		_ = out.named("failed", "", protocol.InstallProgress{Phase: "failed", Message: e.Message, Error: e})
		return
	}
	_ = out.named("done", "", a.Info(ctx))
}

// install runs the configured installer, or the agent's own.
func (s *Server) install(ctx context.Context, a agents.Agent, progress func(protocol.InstallProgress)) error {
	if s.opts.Install != nil {
		return s.opts.Install(ctx, a.Name(), progress)
	}
	i, ok := a.(agents.Installer)
	if !ok {
		return protocol.Errorf(protocol.CodeInstallFailed, "this agent cannot be installed by the server; install it by hand, then start the server with --agent %s=/path", a.Name())
	}
	return i.Install(ctx, progress)
}

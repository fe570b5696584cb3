package conformance

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/agents/opencode"
)

// openCode drives OpenCode.
func openCode() Adapter {
	return Adapter{
		Name:  "opencode",
		About: "OpenCode " + install.OpenCodeVersion + ", over its HTTP server, one for all sessions",
		New:   func() agents.Agent { return opencode.New(opencode.Options{}) },
		Place: func(t agenttest.T, l *agents.Locator) *Place { return shareOpenCode(t, l)(t) },
		Share: shareOpenCode,
	}
}

// shareOpenCode makes places that share a server.
func shareOpenCode(t agenttest.T, l *agents.Locator) func(agenttest.T) *Place {
	m := agenttest.NewChat(t)
	home := agenttest.OpenCodeHome(t, m.URL())
	a := opencode.New(opencode.Options{Locator: l, Environ: home.Env, StateDir: t.TempDir()})
	t.Cleanup(func() { ok(t, a.Close()) })
	var places atomic.Int32
	return func(t agenttest.T) *Place {
		number := fmt.Sprintf("-%d-", places.Add(1))
		dir := home.Dir + number
		ok(t, os.Mkdir(dir, 0o700))
		home.Commit(t, dir)
		return &Place{Agent: a, Model: part{m, number}, Dir: dir}
	}
}

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
)

// serveOptions are the settings of the server: from the environment, then from
// flags.
type serveOptions struct {
	Listen      string   `env:"LISTEN"       envDefault:"127.0.0.1:7420"`
	StateDir    string   `env:"STATE_DIR"`
	Store       string   `env:"STORE"        envDefault:"sqlite"`
	TokenFile   string   `env:"TOKEN_FILE"`
	AllowHost   []string `env:"ALLOW_HOST"`
	AllowOrigin []string `env:"ALLOW_ORIGIN"`
	TrustProxy  bool     `env:"TRUST_PROXY"`
	Agent       []string `env:"AGENT"`
	AgentsDir   string   `env:"AGENTS_DIR"`
	NoInstall   bool     `env:"NO_INSTALL"`
	AgentUser   string   `env:"AGENT_USER"`
	Policy      string   `env:"POLICY"`
	LogLevel    string   `env:"LOG_LEVEL"    envDefault:"info"`
	Raw         bool     `env:"RAW"`
}

// serveOptionsFromEnv reads the variables; the options are usable for flags
// even with an error.
func serveOptionsFromEnv(t *terminal) (*serveOptions, error) {
	o := new(serveOptions)
	err := env.ParseWithOptions(o, env.Options{Environment: env.ToMap(t.env), Prefix: "TOWLINE_"})
	if err != nil {
		return o, fmt.Errorf("cannot read the TOWLINE_ variables: %w", err)
	}
	return o, nil
}

// addFlags adds a flag for each option; the values so far are the defaults.
func (o *serveOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Listen, "listen", o.Listen, "address and port; port 0 picks a free one")
	f.StringVar(&o.StateDir, "state-dir", o.StateDir, "folder for sessions, token and agents (default ${XDG_STATE_HOME:-~/.local/state}/towline)")
	f.StringVar(&o.Store, "store", o.Store, "where sessions are kept: sqlite, or sqlite:FILE")
	f.StringVar(&o.TokenFile, "token-file", o.TokenFile, "file that holds the token (default: made, and kept in the state folder)")
	f.StringSliceVar(&o.AllowHost, "allow-host", o.AllowHost, "further Host name to answer to; repeatable")
	f.StringSliceVar(&o.AllowOrigin, "allow-origin", o.AllowOrigin, "web origin whose pages may connect; repeatable")
	f.BoolVar(&o.TrustProxy, "trust-proxy", o.TrustProxy, "take clients' addresses from X-Forwarded-For")
	o.addAgentFlag(f)
	f.StringVar(&o.AgentsDir, "agents-dir", o.AgentsDir, "folder for installed agents (default: agents in the state folder, with --agent-user "+sharedAgentsDir+")")
	f.BoolVar(&o.NoInstall, "no-install", o.NoInstall, "never install an agent on demand")
	f.StringVar(&o.AgentUser, "agent-user", o.AgentUser, "user that agents run as; the server must be root")
	f.StringVar(&o.Policy, "policy", o.Policy, "file of rules that decide permissions (not in this version)")
	f.StringVar(&o.LogLevel, "log-level", o.LogLevel, "trace, debug, info, warn, error or disabled")
	f.BoolVar(&o.Raw, "raw", o.Raw, "keep native frames of all sessions")
}

// addAgentFlag adds --agent. What it names comes to what the variable names.
func (o *serveOptions) addAgentFlag(f *pflag.FlagSet) {
	f.Var((*agentFlag)(&o.Agent), "agent", "an agent's executable, as claude=/path, or command, as 'my-agent=my-agent --acp' or 'python=terminal:python3 -q'; repeatable")
}

// agentFlag is a list that each use of a flag adds to.
type agentFlag []string

// String is empty: a list has no default that would be said.
func (a *agentFlag) String() string { return "" }

// Set adds an agent.
func (a *agentFlag) Set(value string) error {
	*a = append(*a, value)
	return nil
}

// Type is how the help calls the value.
func (a *agentFlag) Type() string { return "NAME=COMMAND" }

// check refuses what this version cannot do, rather than pretend.
func (o *serveOptions) check() error {
	switch {
	case o.Policy != "":
		return errors.New("--policy is not in this version: decide permissions as a client")
	case o.Store != "sqlite" && !strings.HasPrefix(o.Store, "sqlite:"):
		return fmt.Errorf("there is no store %q in this version: use sqlite, or sqlite:FILE", o.Store)
	}
	if _, err := zerolog.ParseLevel(o.LogLevel); err != nil {
		return fmt.Errorf("there is no log level %q: use trace, debug, info, warn, error or disabled", o.LogLevel)
	}
	_, err := o.executables()
	return err
}

// agentName is what clients can call an agent.
var agentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// executables returns the agents' executables by name; of two the later wins.
func (o *serveOptions) executables() (map[string]string, error) {
	paths := make(map[string]string, len(o.Agent))
	for _, a := range o.Agent {
		name, path, ok := strings.Cut(a, "=")
		if !ok || name == "" || path == "" {
			return nil, fmt.Errorf("--agent %q names no executable: write it like claude=/path/to/claude, or my-agent='my-agent --acp'", a)
		}
		if !agentName.MatchString(name) {
			return nil, fmt.Errorf("--agent %q: %q is no name for an agent: write it like my-agent='my-agent --acp', with letters, digits, - _ and .", a, name)
		}
		paths[name] = path
	}
	return paths, nil
}

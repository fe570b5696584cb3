package agents

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// inherited lists what a child takes over from the server's environment, if
// the server has it. Everything else stays behind: the server's environment
// may hold its token, its store's password, a platform's secrets.
//
// Proxy and certificate settings are passed on because an agent behind a
// company's proxy cannot reach its model without them. XDG folders are, since
// agents look there for the login that the user made.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "TZ", "TMPDIR", "LANG", "LANGUAGE", "LC_*",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
	"XDG_CONFIG_DIRS", "XDG_DATA_DIRS",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
}

// refused lists what a client must not set: names that make a program load or
// run something else, reach another network, or lie about where it is.
var refused = []string{
	"LD_*", "DYLD_*", "GCONV_PATH", "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "PYTHON*", "PERL5*",
	"RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "BASH_ENV", "BASH_FUNC*", "ENV", "SHELLOPTS", "PROMPT_COMMAND", "PS4", "IFS",
	"GIT_*", "SSH_*", "PATH", "HOME", "SHELL", "*_PROXY", "SSL_CERT_*", "TOWLINE_*",
}

// Limits of what a client may set.
const (
	maxEnvNames = 64
	maxEnvValue = 32 << 10
	maxValue    = 256
)

var envName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Environment says what an agent's process finds in its environment. It is
// built up from nothing, never cut down from the server's.
type Environment struct {
	// Pass names more variables to take over from the server, such as
	// ANTHROPIC_*; a star at the end stands for the rest of the name.
	// Variables of the server itself (TOWLINE_*) are never passed.
	Pass []string
	// Session is what the client gave; it replaces what was taken over.
	// CheckEnv must have accepted it.
	Session map[string]string
	// Set is what the agent's protocol needs; it wins over everything.
	Set map[string]string
}

// Build returns the environment, sorted, in the form name=value. Server is the
// server's own environment, as os.Environ returns it.
func (e Environment) Build(server []string) []string {
	vars := make(map[string]string)
	for _, entry := range server {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || strings.HasPrefix(name, "TOWLINE_") {
			continue
		}
		if matchesAny(inherited, name) || matchesAny(e.Pass, name) {
			vars[name] = value
		}
	}
	maps.Copy(vars, e.Session)
	maps.Copy(vars, e.Set)
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// CheckEnv refuses a client's environment that could turn into more than
// settings for the agent. The error is a *protocol.Error invalid_request.
func CheckEnv(env map[string]string) error {
	if len(env) > maxEnvNames {
		return protocol.Errorf(protocol.CodeInvalidRequest, "env has more than %d variables; send fewer", maxEnvNames)
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !envName.MatchString(name) {
			return protocol.Errorf(protocol.CodeInvalidRequest,
				"env has a name that is not allowed; names are capital letters, digits and underscores, start with a letter and have at most 64 characters")
		}
		if matchesAny(refused, name) {
			return protocol.Errorf(protocol.CodeInvalidRequest,
				"env must not set %s, because it changes what programs load or reach; set it for the server instead", name)
		}
		value := env[name]
		if strings.ContainsAny(value, "\x00\n\r") {
			return protocol.Errorf(protocol.CodeInvalidRequest, "the value of %s in env holds a line break or NUL; remove it", name)
		}
		if len(value) > maxEnvValue {
			return protocol.Errorf(protocol.CodeInvalidRequest, "the value of %s in env is longer than %d bytes; shorten it", name, maxEnvValue)
		}
	}
	return nil
}

// CheckValue refuses an option's value (a model, a mode) that an agent's
// command line could take for something else. Name is how the client calls the
// option. The error is a *protocol.Error invalid_request.
func CheckValue(name, value string) error {
	switch {
	case strings.HasPrefix(value, "-"):
		return protocol.Errorf(protocol.CodeInvalidRequest, "%s must not begin with a dash", name)
	case strings.ContainsAny(value, "\x00\n\r"):
		return protocol.Errorf(protocol.CodeInvalidRequest, "%s must not hold a line break or NUL", name)
	case len(value) > maxValue:
		return protocol.Errorf(protocol.CodeInvalidRequest, "%s must not be longer than %d bytes", name, maxValue)
	}
	return nil
}

// matchesAny tells whether name is one of the patterns: a plain name, or one
// with a star at its begin or end.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		if suffix, ok := strings.CutPrefix(p, "*"); ok {
			return strings.HasSuffix(name, suffix)
		}
		return p == name
	})
}

// Variable returns the value of a variable in an environment as os.Environ
// returns it; empty if it is not set.
func Variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

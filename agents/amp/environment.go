package amp

import (
	"os"
	"path/filepath"

	"github.com/towline-dev/towline/agents"
)

// environment is what Amp finds in its environment (section 2), and its
// delegates after it.
func environment(server []string, session map[string]string, b *bridge, f *sideFiles) []string {
	return agents.Environment{
		Pass: []string{"AMP_API_KEY", "AMP_URL", "AMP_TOOLBOX"}, Session: session,
		Set: map[string]string{variableSocket: f.socket, variableCapability: b.capability},
	}.Build(server)
}

// userSettings is where the user's own settings file is.
func userSettings(environ []string) string {
	dir := agents.Variable(environ, "XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(agents.Variable(environ, "HOME"), ".config")
	}
	return filepath.Join(dir, "amp", "settings.json")
}

// credentials tells whether Amp will find a key. A login may be in the
// system's keychain, which is not asked.
func credentials(environ []string) string {
	if agents.Variable(environ, "AMP_API_KEY") != "" {
		return "found"
	}
	file := filepath.Join(agents.Variable(environ, "HOME"), ".local", "share", "amp", "secrets.json")
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
		return "found"
	}
	return "unknown"
}

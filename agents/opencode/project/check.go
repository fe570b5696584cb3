package project

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

const (
	// folder is the configuration folder of a project.
	folder = ".opencode"
	// maxFile bounds the configuration files that are looked into, in bytes.
	maxFile = 8 << 20
)

var (
	// files are the configuration files, in a folder or in its .opencode.
	files = []string{"opencode.json", "opencode.jsonc"}
	// pluginFolders are those in .opencode, codeEndings those of its plugins.
	pluginFolders = []string{"plugin", "plugins"}
	codeEndings   = []string{".js", ".ts"}
)

// Check refuses a work folder that brings plugins (Gate.Check). environ is the
// environment that tells where the user's own configuration is.
func Check(dir string, environ []string) error { return Gate{Dir: dir, Own: Own(environ)}.Check() }

// Check refuses a work folder that brings plugins. OpenCode looks for them in
// the folder and, where git finds no repository, in all folders above it: a
// .git that is none leads it past the repository's root, so all are looked at
// here. The user's own configuration, which OpenCode loads anywhere, may have
// plugins.
//
// The error is a *protocol.Error of the code agent_start_failed.
func (g Gate) Check() error {
	for _, dir := range upwards(g.Dir) {
		for _, place := range []string{dir, filepath.Join(dir, folder)} {
			if slices.ContainsFunc(g.Own, func(o string) bool { return same(o, place) }) {
				continue
			}
			if found := plugins(place); found != "" {
				return protocol.Errorf(protocol.CodeAgentStartFailed,
					"%s brings plugins, which OpenCode would run before anybody is asked; remove them, or, if you trust them, name them in the configuration of your own (plugin in opencode.json)", found)
			}
		}
	}
	return nil
}

// Own are the folders of the user's own configuration.
func Own(environ []string) []string {
	home := agents.Variable(environ, "HOME")
	config := agents.Variable(environ, "XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	return []string{filepath.Join(home, folder), filepath.Join(config, "opencode")}
}

// upwards are a folder and those above it, as it is named and as its links lead.
func upwards(dir string) []string {
	var dirs []string
	add := func(dir string) {
		for ; !slices.Contains(dirs, dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	if path, err := filepath.Abs(dir); err == nil {
		dir = path
	}
	add(filepath.Clean(dir))
	if to, err := filepath.EvalSymlinks(dir); err == nil {
		add(to)
	}
	return dirs
}

// same tells whether two names are of one folder.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// plugins returns what brings plugins in a folder with configuration; empty if
// nothing does.
func plugins(dir string) string {
	for _, name := range files {
		if path := filepath.Join(dir, name); namesPlugins(path) {
			return path
		}
	}
	if filepath.Base(dir) != folder {
		return ""
	}
	for _, name := range pluginFolders {
		entries, _ := os.ReadDir(filepath.Join(dir, name)) // OpenCode reads as little of it
		for _, e := range entries {
			if slices.Contains(codeEndings, strings.ToLower(filepath.Ext(e.Name()))) {
				return filepath.Join(dir, name, e.Name())
			}
		}
	}
	return ""
}

// namesPlugins tells whether a configuration file could hold the key plugin or
// plugins, wherever it is: a parser of JSON with comments could understand
// another place than OpenCode's. A file too long to be read counts as one.
func namesPlugins(path string) bool {
	// A pipe of that name must not hold the session up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return err != nil || len(b) > maxFile || pluginKey.MatchString(unescaped(string(b)))
}

// pluginKey is the key of plugins, or a text of that value.
var pluginKey = regexp.MustCompile(`"plugins?"`)

// escape is a letter as JSON may write it.
var escape = regexp.MustCompile(`\\u00[0-7][0-9a-fA-F]`)

// unescaped writes the letters of a JSON text plainly.
func unescaped(s string) string {
	return escape.ReplaceAllStringFunc(s, func(letter string) string {
		n, _ := strconv.ParseUint(letter[len(`\u`):], 16, 8) // the pattern holds no other
		return string(rune(n))
	})
}

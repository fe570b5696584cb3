package amp

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/towline-dev/towline/protocol"
)

// gate are the files that decide what Amp may do without asking, which it
// reads while it runs: whatever lies in a folder .amp, or where such a folder
// or its settings lead to; the settings that Towline gives it; and the user's.
// A call that would write there is asked for unless everything is allowed.
//
// It looks at the file system as it is when the call is asked for.
type gate struct {
	// dir is the work folder, home what ~ stands for.
	dir, home string
	// own are the other folders with settings.
	own []string
}

// opens tells whether a call would write to the gate. It reads the file
// system; what cannot be told counts as true.
func (g gate) opens(tool string, input json.RawMessage) bool {
	var v any
	if json.Unmarshal(input, &v) != nil {
		return true
	}
	return g.names(tool, "", v)
}

// texts are the inputs of editing tools that are no paths.
var texts = []string{"content", "old_str", "new_str"}

// names looks for paths in the value of an input's key. Of editing tools it is
// known what is a path; of others, words that hold the folder's name suffice.
func (g gate) names(tool, key string, v any) bool {
	switch v := v.(type) {
	case string:
		edits := toolKinds[tool] == protocol.ToolEdit
		switch {
		case edits && slices.Contains(texts, key):
			return false
		case key == "patchText" || key == "patch":
			return slices.ContainsFunc(patchedPaths(v), g.holds)
		case !edits && strings.Contains(fold(v), gateFolder):
			return true
		default:
			return g.holds(v)
		}
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return g.names(tool, key, e) })
	case map[string]any:
		for k, e := range v {
			if g.names(tool, k, e) {
				return true
			}
		}
	}
	return false
}

// patchedPaths are the files that a patch adds, changes, deletes or moves.
func patchedPaths(patch string) []string {
	var paths []string
	for line := range strings.Lines(patch) {
		if _, path, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "*** ") {
			paths = append(paths, strings.TrimSpace(path))
		}
	}
	return paths
}

// gateFolder is the folder that Amp reads settings and plugins from.
const gateFolder = ".amp"

// holds tells whether a path leads to the gate, read as the system reads it,
// or as a program that first removes what .. removes.
func (g gate) holds(path string) bool {
	if path == "" || strings.ContainsRune(path, 0) {
		return false // no path
	}
	if len(path) > len("file:") && strings.EqualFold(path[:len("file:")], "file:") {
		u, err := url.Parse(path)
		if err != nil {
			return true
		}
		path = u.Path
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = g.home + path[1:]
	}
	if !filepath.IsAbs(path) {
		path = g.dir + "/" + path
	}
	return g.reached(path) || g.reached(filepath.Clean(path)) || g.same(path)
}

// reached tells whether a path is of the gate, as it stands or by its links.
func (g gate) reached(path string) bool {
	leads, err := resolve(path)
	if err != nil || inGateFolder(filepath.Clean(path)) || inGateFolder(leads) {
		return true
	}
	for _, root := range g.roots() {
		if to, err := resolve(root); err != nil || within(leads, to) {
			return true
		}
	}
	return false
}

// roots are the gate's folders and files, as they are named.
func (g gate) roots() []string {
	roots := slices.Clone(g.own)
	for _, dir := range settingsFolders(g.dir) {
		amp := filepath.Join(dir, gateFolder)
		roots = append(roots, amp)
		for _, name := range workspaceSettings {
			roots = append(roots, filepath.Join(amp, name))
		}
	}
	return roots
}

// same tells whether a path is another name of settings that exist.
func (g gate) same(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	return slices.ContainsFunc(g.roots(), func(root string) bool {
		other, err := os.Stat(root)
		return err == nil && os.SameFile(info, other)
	})
}

// inGateFolder tells whether a folder on the path has the gate's name.
func inGateFolder(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(name string) bool { return fold(name) == gateFolder })
}

// within tells whether a path is a folder, or lies in it.
func within(path, dir string) bool {
	path, dir = fold(path), fold(dir)
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// fold makes names alike that a file system might take for the same: without
// case, characters that do not show, and space around.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(strings.ToLower(strings.ToUpper(s)))
}

// maxLinks is how many links a path may lead over, as in Linux.
const maxLinks = 40

// errElsewhere tells a path that means another file to Amp than here.
var errElsewhere = errors.New("the path leads through a process")

// resolve follows all links of an absolute path, also where files do not exist
// yet: what is missing stays as it is named.
func resolve(path string) (string, error) {
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if at = filepath.Join(at, name); within(at, "/proc") || within(at, "/dev/fd") {
			return "", errElsewhere
		}
		info, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
			continue
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			continue
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		to, err := os.Readlink(at)
		if err != nil {
			return "", err
		}
		at = filepath.Dir(at)
		if filepath.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}

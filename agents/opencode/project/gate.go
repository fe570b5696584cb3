package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Gate tells what OpenCode may not do unasked in a work folder. It looks at the
// file system as it is when it is asked.
type Gate struct {
	// Dir is the work folder, Own the folders of configuration outside it.
	Dir string
	Own []string
}

// Holds tells whether an edit of a file must be asked for where a client accepts
// edits: one that would change what OpenCode loads, or that a link leads out of
// the work folder. What cannot be told counts as true.
func (g Gate) Holds(path string) bool {
	if !filepath.IsAbs(path) || slices.Contains(strings.Split(path, "/"), "..") {
		return true
	}
	path = filepath.Clean(path)
	leads, err := resolve(path)
	if err != nil || configures(path) || configures(leads) {
		return true
	}
	for _, root := range g.roots() {
		if to, err := resolve(root); err != nil || within(leads, to) {
			return true
		}
	}
	dir, err := resolve(g.Dir)
	return err != nil || within(path, g.Dir) && !within(leads, dir)
}

// roots are the folders and files that OpenCode loads, as they are named.
func (g Gate) roots() []string {
	roots := slices.Clone(g.Own)
	for _, dir := range upwards(g.Dir) {
		for _, name := range pluginFolders {
			roots = append(roots, filepath.Join(dir, folder, name))
		}
		for _, name := range files {
			roots = append(roots, filepath.Join(dir, name), filepath.Join(dir, folder, name))
		}
		roots = append(roots, filepath.Join(dir, folder))
	}
	return roots
}

// configures tells whether a path has the name of a configuration. Names count
// without case, as in file systems of some systems.
func configures(path string) bool {
	inFolder := slices.ContainsFunc(strings.Split(path, "/"), func(name string) bool { return strings.EqualFold(name, folder) })
	return inFolder || slices.ContainsFunc(files, func(name string) bool { return strings.EqualFold(filepath.Base(path), name) })
}

// within tells whether a path is a folder, or lies in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// resolve follows the links of a path whose end need not exist yet.
func resolve(path string) (string, error) {
	to, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return to, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fs.ErrNotExist // a link that leads nowhere yet
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

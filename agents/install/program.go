package install

import (
	"context"
	"path/filepath"
	"strings"
	"sync"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Program brings one agent's pinned executable into the agents folder,
// from the platform package that the agent's makers publish for npm. It runs
// no script of the package, needs no Node to be there, and checks the
// package's sha512.
//
// The way of an installation: one run per process (run.go), one per
// machine (lock.go), a tarball from npm (npm.go) or straight
// from the registry (registry.go), the check of its hash, unpacking
// into a temporary folder (unpack.go), and one rename into place. So
// an installation that was cut short is never found.
//
// Fill the exported fields before use and leave them. The methods are safe
// for concurrent use. A Program must not be copied.
type Program struct {
	// Agent is the agent's name, and its folder's name: claude.
	Agent string
	// Version is pinned; it names the folder below the agent's.
	Version string
	// Dir is the agents folder, an absolute path. It is made when needed.
	Dir string
	// Platforms holds the package of each platform by its name: the operating
	// system and processor as npm calls them, and -musl for that libc
	// (linux-x64, linux-arm64-musl, darwin-arm64). Where libc is musl and no
	// such entry exists, the one without -musl is taken.
	Platforms map[string]Package
	// Node, if set, is what is installed instead of a platform's package: a
	// program for Node with its dependencies (node.go).
	Node *NodeTree

	// atUnpacked, if set, runs when all is unpacked and nothing in place yet.
	atUnpacked func()
	// limits bound the unpacked package; zero means defaultLimits.
	limits unpackLimits

	mu sync.Mutex
	// run is the installation under way, nil for none.
	run *run
}

// Package is an agent's executable as its registry holds it.
type Package struct {
	// Name is the package's name: @anthropic-ai/claude-code-linux-x64.
	Name string
	// Version is the package's version if it is not the agent's (Codex puts
	// the platform into it).
	Version string
	// File is the executable's path inside the package, with slashes.
	File string
	// Integrity is "sha512-" and the tarball's hash in base64. If it is set
	// it wins over the registry's word; if not, the registry must name one.
	Integrity string
	// Size is the tarball's size in bytes, for progress alone; 0 for unknown.
	Size int64
}

// spec is the package's name and version as npm writes them.
func (p Package) spec() string { return p.Name + "@" + p.Version }

// Installed returns the executable's path, and whether it is there. A path is
// returned for every platform that has a package.
func (i *Program) Installed() (path string, ok bool) {
	p, err := i.pkg()
	if err != nil {
		return "", false
	}
	path = i.path(p)
	return path, agents.IsExecutable(path)
}

// Install installs the pinned version unless it is there. It returns when
// Installed finds it, or with a *protocol.Error of code install_failed.
//
// progress, if not nil, is called by this goroutine only, with the phases
// resolve, download (bytes), verify, unpack (bytes) and done, or failed.
// Concurrent calls share one run, and each hears all of its steps. The run
// goes on while one caller waits for it; when the context of the last one is
// done it is stopped, and nothing is left of it.
func (i *Program) Install(ctx context.Context, progress func(protocol.InstallProgress)) error {
	if progress == nil {
		progress = func(protocol.InstallProgress) {}
	}
	if path, ok := i.Installed(); ok {
		progress(protocol.InstallProgress{Phase: "done", Message: path})
		return nil
	}
	p, err := i.pkg()
	if err != nil {
		return err
	}
	run := i.join(p) //nolint:contextcheck // a run outlives the caller that started it
	defer i.leave(run)
	return run.follow(ctx, progress)
}

// pkg returns this machine's package.
func (i *Program) pkg() (Package, error) {
	if i.Node != nil {
		return Package{Name: i.Node.Name, Version: i.Version, File: i.Node.File, Size: i.Node.Size}, nil
	}
	return i.on(platform())
}

// on returns a platform's package.
func (i *Program) on(name string) (Package, error) {
	p, ok := i.Platforms[name]
	if !ok {
		p, ok = i.Platforms[strings.TrimSuffix(name, "-musl")]
	}
	if !ok {
		return Package{}, failed("%s is not published for %s; give the path of an executable with --agent %s=PATH", i.Agent, name, i.Agent)
	}
	if p.Version == "" {
		p.Version = i.Version
	}
	return p, nil
}

// home is the agent's folder: versions, and the temporary folders and the
// lock of installations.
func (i *Program) home() string { return filepath.Join(i.Dir, i.Agent) }

// folder is where the package goes.
func (i *Program) folder() string { return filepath.Join(i.home(), i.Version) }

// path is where the executable goes.
func (i *Program) path(p Package) string {
	return agents.InstalledPath(i.Dir, i.Agent, i.Version, p.File)
}

// failed makes the error that clients see.
func failed(format string, args ...any) *protocol.Error {
	return protocol.Errorf(protocol.CodeInstallFailed, format, args...)
}

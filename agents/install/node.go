package install

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// NodeTree is an agent that is a program for Node, with the packages that it
// depends on. It is installed as its lock file says, by npm ci: every package
// in the version and with the sha512 that stand there, and without running any
// package's scripts. It needs npm to be installed, and Node to run.
type NodeTree struct {
	// Name is the agent's package.
	Name string
	// File is the executable's path below the version's folder, with slashes;
	// npm makes it from the package's bin.
	File string
	// Lock is the lock file of a project that depends on Name alone. It names
	// no registry: npm takes the one that it is configured for.
	Lock []byte
	// Size is about what is downloaded, in bytes, for progress alone.
	Size int64
}

// bringTree installs a tree in a temporary folder and renames it into place.
// The caller holds the lock.
func (i *Program) bringTree(ctx context.Context, p Package, tmp string, report func(protocol.InstallProgress)) error {
	report(protocol.InstallProgress{Phase: "resolve", Message: p.spec()})
	npm, ok := findNPM()
	if !ok {
		return errNoNPM
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := i.Node.write(unpacked, i.Version); err != nil {
		return err
	}
	n := npmRun{npm: npm, tmp: tmp, pkg: p, report: report}
	if err := n.clean(ctx, unpacked); err != nil {
		return err
	}
	report(protocol.InstallProgress{Phase: "verify"})
	if !agents.IsExecutable(filepath.Join(unpacked, filepath.FromSlash(p.File))) {
		return fmt.Errorf("%w: it does not hold %s", errPackage, p.File)
	}
	unix.Sync() // thousands of files must be on the disk before they can be found
	if i.atUnpacked != nil {
		i.atUnpacked()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return i.place(tmp, unpacked)
}

// write makes the project that depends on the tree's package alone.
func (t *NodeTree) write(dir, version string) error {
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // agents may run as another user
		return err
	}
	manifest, err := json.Marshal(map[string]any{"private": true, "dependencies": map[string]string{t.Name: version}})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"package.json": manifest, "package-lock.json": bytes.TrimSpace(t.Lock)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // not secret
			return err
		}
	}
	return nil
}

// clean runs npm ci for the project in dir.
func (n npmRun) clean(ctx context.Context, dir string) error {
	return n.watched(func() error {
		_, err := n.exec(ctx, "ci", "--prefix", dir, "--omit", "dev")
		return err
	})
}

// AmpVersion is the version of the Amp CLI that is installed on demand: the
// last whose agent runs on this machine, and the one that tests drive (amp
// PROTOCOL.md section 1).
const AmpVersion = "0.0.1777266064-g47b6f7"

// AmpFile is the executable's place below its version's folder.
const AmpFile = "node_modules/.bin/amp"

//go:embed lock/amp.json
var ampLock []byte

// Amp installs the pinned Amp CLI into dir, an agents folder.
func Amp(dir string) *Program {
	return &Program{Agent: "amp", Version: AmpVersion, Dir: dir, Node: &NodeTree{
		Name: "@sourcegraph/amp", File: AmpFile, Lock: ampLock, Size: 5 << 20,
	}}
}

// PiVersion is the version of Pi that is installed on demand: the newest that
// runs on Node 20, and the one whose recorded traffic the translator is tested
// with (pi PROTOCOL.md).
const PiVersion = "0.74.2"

// PiFile is the executable's place below its version's folder.
const PiFile = "node_modules/.bin/pi"

//go:embed lock/pi.json
var piLock []byte

// Pi installs the pinned Pi into dir, an agents folder.
func Pi(dir string) *Program {
	return &Program{Agent: "pi", Version: PiVersion, Dir: dir, Node: &NodeTree{
		Name: "@earendil-works/pi-coding-agent", File: PiFile, Lock: piLock, Size: 45 << 20,
	}}
}

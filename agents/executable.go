package agents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/semver"

	"github.com/towline-dev/towline/protocol"
)

// The origins of an executable, as AgentInfo.Origin tells them.
const (
	OriginFlag      = "flag"
	OriginAgentsDir = "agents_dir"
	OriginPath      = "path"
)

// Locator finds agents' executables: first what the operator named, then the
// agents folder, then PATH. It is read-only after it was filled.
type Locator struct {
	// Flags are the executables given with --agent, by agent.
	Flags map[string]string
	// Dir is the agents folder; empty for none.
	Dir string
	// Path is the list of folders to search, as in the variable PATH.
	Path string
}

// Executable is an executable that was found.
type Executable struct {
	Path string
	// Origin is flag, agents_dir or path.
	Origin string
	// Version is that of the agents folder; empty for the other origins.
	Version string
}

// FindExecutable finds by the locator; by a nil one on the PATH of environ
// alone. See Find.
func FindExecutable(l *Locator, environ []string, agent, file string) (Executable, error) {
	if l == nil {
		l = &Locator{Path: Variable(environ, "PATH")}
	}
	return l.Find(agent, file)
}

// Find returns the executable of an agent. File is its place inside a version
// in the agents folder, and its base name is what PATH is searched for. The
// error is a *protocol.Error agent_not_installed.
func (l Locator) Find(agent, file string) (Executable, error) {
	if path, ok := l.Flags[agent]; ok {
		path, err := filepath.Abs(path)
		if err != nil || !IsExecutable(path) {
			return Executable{}, protocol.Errorf(protocol.CodeAgentNotInstalled,
				"the file that --agent names for %s is no executable; correct the flag", agent)
		}
		return Executable{Path: path, Origin: OriginFlag}, nil
	}
	if e, ok := l.installed(agent, file); ok {
		return e, nil
	}
	for _, dir := range filepath.SplitList(l.Path) {
		path := filepath.Join(dir, filepath.Base(file))
		// A relative entry would find what an agent put into a work tree.
		if filepath.IsAbs(path) && IsExecutable(path) {
			return Executable{Path: path, Origin: OriginPath}, nil
		}
	}
	return Executable{}, protocol.Errorf(protocol.CodeAgentNotInstalled,
		"%s is not installed; run towline agents install %s, or name its executable with --agent %s=/path", agent, agent, agent)
}

// installed finds the highest version in the agents folder that holds the
// file. The installer puts a version into its place only when it is whole.
func (l Locator) installed(agent, file string) (Executable, bool) {
	if l.Dir == "" {
		return Executable{}, false
	}
	entries, err := os.ReadDir(filepath.Join(l.Dir, agent))
	if err != nil {
		return Executable{}, false
	}
	var versions []string
	for _, e := range entries {
		if semver.IsValid("v"+e.Name()) && IsExecutable(InstalledPath(l.Dir, agent, e.Name(), file)) {
			versions = append(versions, e.Name())
		}
	}
	if len(versions) == 0 {
		return Executable{}, false
	}
	version := slices.MaxFunc(versions, func(a, b string) int { return semver.Compare("v"+a, "v"+b) })
	return Executable{Path: InstalledPath(l.Dir, agent, version, file), Origin: OriginAgentsDir, Version: version}, true
}

// InstalledPath is where an installed executable lies: in the agents folder
// dir, below the agent's name and version, at its path in the package.
func InstalledPath(dir, agent, version, file string) string {
	return filepath.Join(dir, agent, version, filepath.FromSlash(file))
}

// IsExecutable tells whether path is a regular file that may be run.
func IsExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

const (
	versionTime  = 10 * time.Second
	versionBytes = 4 << 10
)

// versions remembers the answers to --version by file.
var versions sync.Map // of versionKey to string

type versionKey struct {
	user, path, args string
	size             int64
	modified         time.Time
}

// Version is User.Version for the server's own user.
func Version(ctx context.Context, path string, args ...string) (string, error) {
	return (*User)(nil).Version(ctx, path, args...)
}

// Version runs an executable to ask for its version and returns the first line
// that it prints. Args are what to ask with; none means --version. The
// executable gets an empty home of its own, for temporary files too, and 10 s. Answers are remembered as
// long as the file does not change. The error is a *protocol.Error
// agent_start_failed.
func (u *User) Version(ctx context.Context, path string, args ...string) (string, error) {
	if len(args) == 0 {
		args = []string{"--version"}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", protocol.Errorf(protocol.CodeAgentNotInstalled, "the agent's executable is not there; install the agent again")
	}
	key := versionKey{u.Name(), path, strings.Join(args, "\x00"), info.Size(), info.ModTime()}
	if v, ok := versions.Load(key); ok {
		return v.(string), nil //nolint:forcetypeassert // only strings are stored
	}
	if err := u.CheckExecutable(path); err != nil {
		return "", err
	}
	version, err := u.askVersion(ctx, path, args)
	if err != nil {
		return "", err
	}
	versions.Store(key, version)
	return version, nil
}

// askVersion runs the executable.
func (u *User) askVersion(ctx context.Context, path string, args []string) (string, error) {
	home, err := os.MkdirTemp("", "towline-version-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder to ask for the version in: %w", err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	credential := u.Credential()
	if credential != nil {
		if err := os.Chown(home, int(credential.Uid), int(credential.Gid)); err != nil {
			return "", fmt.Errorf("cannot make a folder to ask for the version in: %w", err)
		}
	}
	env := Environment{Set: map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home, "XDG_CACHE_HOME": home,
		"TMPDIR": home, // some leave a folder there each time
	}}
	p, err := StartProcess(ProcessOptions{Path: path, Args: args, Dir: home, Env: env.Build(u.Environ(os.Environ())), Credential: credential})
	if err != nil {
		return "", protocol.Errorf(protocol.CodeAgentStartFailed, "the agent's executable cannot be started (%s); check its path", startReason(err))
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	stop := StopOptions{TermAfter: time.Millisecond, KillAfter: 100 * time.Millisecond}
	ended := context.AfterFunc(ctx, func() { _ = p.Stop(stop) })
	defer ended()
	_ = p.stdin.Close()
	text := readOutput(p.stdout, versionBytes)
	p.stdout.close()
	exit := p.Wait()
	<-p.Gone()
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte{'\n'})
	if ctx.Err() != nil || exit.Code == nil || *exit.Code != 0 || len(line) == 0 {
		return "", protocol.Errorf(protocol.CodeAgentStartFailed,
			"the agent's executable does not tell its version (%s); run it by hand with %s", exit, strings.Join(args, " ")).
			WithDetails(map[string]any{"stderr": exit.Stderr})
	}
	return strings.ToValidUTF8(string(bytes.TrimSpace(line)), ""), nil
}

// readOutput reads to the end, or to the limit.
func readOutput(from *output, limit int64) []byte {
	var text bytes.Buffer
	for int64(text.Len()) < limit {
		_, err := io.Copy(&text, io.LimitReader(from, limit-int64(text.Len())))
		if err == nil || !errors.Is(err, errWoken) {
			break
		}
	}
	return text.Bytes()
}

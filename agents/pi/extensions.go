package pi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Pi loads extensions of the user and of the work folder alike, and one of them
// can take the gate out. So Pi is started without any, and is given the user's
// own by name: which these are is asked of Pi itself, in a folder that has no
// configuration.

const (
	// listTime is how long Pi may take to list the extensions.
	listTime = 30 * time.Second
	// maxList bounds the list, in bytes.
	maxList = 1 << 20
)

// ownExtensions are the files of the user's own extensions, in Pi's order. A
// list that cannot be had is an error, because an extension may be there to
// forbid something.
func (a *Agent) ownExtensions(ctx context.Context, path string, d *sideFiles, env []string) ([]string, error) {
	if !a.mayHaveExtensions(configDir(env)) {
		return nil, nil
	}
	p, err := agents.StartProcess(agents.ProcessOptions{
		Path: path, Dir: d.Dir, Env: env, StateDir: a.o.StateDir, Credential: a.o.User.Credential(),
		Args: []string{
			"--mode", "rpc", "--offline", "--no-session", "--no-extensions", "--no-skills", "--no-prompt-templates",
			"--no-themes", "--no-context-files", "-e", d.list,
		},
	})
	if err != nil {
		return nil, errNoList(nil)
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = p.Stop(agents.StopOptions{TermAfter: time.Millisecond, KillAfter: 100 * time.Millisecond}) })()
	_ = p.Stdin().Close()
	text, _ := io.ReadAll(io.LimitReader(p.Stdout(), maxList))
	_ = p.Stop(agents.StopOptions{}) // it has ended, or says too much
	exit := p.Wait()
	own, ok := readList(text)
	if !ok || exit.Code == nil || *exit.Code != 0 {
		return nil, errNoList(exit.Stderr)
	}
	return own, nil
}

// mayHaveExtensions tells whether the user may have extensions of their own.
// Most have none, and need not wait for a list of them.
func (a *Agent) mayHaveExtensions(config string) bool {
	entries, err := os.ReadDir(filepath.Join(config, "extensions"))
	if len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	b, err := a.o.User.ReadFile(filepath.Join(config, "settings.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var settings map[string]json.RawMessage
	if err != nil || json.Unmarshal(b, &settings) != nil {
		return true
	}
	return settings["extensions"] != nil || settings["packages"] != nil
}

// readList reads what list.ts prints. It is a line of its own, since other
// things may be printed before.
func readList(text []byte) ([]string, bool) {
	for line := range bytes.Lines(text) {
		var list struct {
			Extensions *[]string `json:"towline_extensions"`
		}
		if json.Unmarshal(line, &list) != nil || list.Extensions == nil {
			continue
		}
		for _, path := range *list.Extensions {
			if !filepath.IsAbs(path) {
				return nil, false // Pi could take it for a package, or a flag
			}
		}
		return *list.Extensions, true
	}
	return nil, false
}

func errNoList(stderr *protocol.Stderr) error {
	return protocol.Errorf(protocol.CodeAgentStartFailed,
		"Pi did not list your own extensions, so it was not started without them; update Pi, or run it by hand to see which one fails").
		WithDetails(map[string]any{"stderr": stderr})
}

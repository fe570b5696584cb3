package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// npmWatch is how often the size of an npm download is looked at.
const npmWatch = 250 * time.Millisecond

// npmRun downloads one package with npm. npm knows what we do not: the user's
// registry with its login, proxies and certificates.
type npmRun struct {
	npm    string
	tmp    string
	pkg    Package
	report func(protocol.InstallProgress)
}

// findNPM looks for npm on PATH.
func findNPM() (string, bool) {
	path, err := exec.LookPath("npm")
	return path, err == nil
}

// download fetches the tarball by npm pack, which runs no install script.
func (n npmRun) download(ctx context.Context) (tarball, integrity string, err error) {
	// With a package file of its own, npm does not look for a project (and
	// that project's .npmrc) in the folders above.
	if err := os.WriteFile(filepath.Join(n.tmp, "package.json"), []byte(`{"private":true}`), 0o600); err != nil {
		return "", "", err
	}
	integrity = n.pkg.Integrity
	if integrity == "" {
		if integrity, err = n.integrity(ctx); err != nil {
			return "", "", err
		}
	}
	if err := n.pack(ctx); err != nil {
		return "", "", err
	}
	found, err := filepath.Glob(filepath.Join(n.tmp, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", "", errors.New("npm pack wrote no tarball")
	}
	info, err := os.Stat(found[0])
	if err != nil {
		return "", "", err
	}
	n.report(protocol.InstallProgress{Phase: "download", Done: info.Size(), Total: info.Size()})
	return found[0], integrity, nil
}

// integrity asks the registry for the package's hash.
func (n npmRun) integrity(ctx context.Context) (string, error) {
	out, err := n.exec(ctx, "view", n.pkg.spec(), "dist", "--json")
	if err != nil {
		return "", err
	}
	var dist struct {
		Integrity string `json:"integrity"`
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return "", errNotFound // what npm prints for a version that is not there
	}
	if err := json.Unmarshal(out, &dist); err != nil {
		return "", fmt.Errorf("cannot read npm's answer: %w", err)
	}
	return dist.Integrity, nil
}

// pack runs npm pack and reports how much has come meanwhile.
func (n npmRun) pack(ctx context.Context) error {
	return n.watched(func() error {
		_, err := n.exec(ctx, "pack", n.pkg.spec(), "--pack-destination", n.tmp, "--json")
		return err
	})
}

// watched reports how much has come while download runs.
func (n npmRun) watched(download func() error) error {
	n.report(protocol.InstallProgress{Phase: "download", Total: n.pkg.Size})
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		n.watch(finished)
	}()
	err := download()
	close(finished)
	<-watched
	return err
}

// watch reports the growth of the temporary folder, into which npm downloads.
func (n npmRun) watch(finished <-chan struct{}) {
	ticker := time.NewTicker(npmWatch)
	defer ticker.Stop()
	meter := newMeter("download", n.pkg.Size, n.report)
	for {
		select {
		case <-finished:
			return
		case <-ticker.C:
			// npm writes its cache and then a copy: count what came once.
			size := folderSize(n.tmp)
			if n.pkg.Size > 0 {
				size = min(size, n.pkg.Size)
			}
			meter.reach(size)
		}
	}
}

// exec runs npm in the temporary folder, with its cache there too, and
// returns what it printed. npm's process group ends with ctx.
func (n npmRun) exec(ctx context.Context, args ...string) ([]byte, error) {
	args = append(args, "--ignore-scripts", "--no-update-notifier", "--no-fund", "--no-audit",
		"--loglevel", "error", "--cache", filepath.Join(n.tmp, "cache"))
	cmd := exec.CommandContext(ctx, n.npm, args...)
	cmd.Dir = n.tmp
	cmd.Env = append(npmEnvironment(os.Environ()), "TMPDIR="+n.tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &npmError{code: npmCode(stdout.Bytes(), stderr.Bytes()), cause: err}
	}
	return stdout.Bytes(), nil
}

// npmEnvironment keeps of the server's environment what npm needs to find its
// configuration and the network. Tokens and keys of the server stay behind.
func npmEnvironment(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		switch upper := strings.ToUpper(name); upper {
		case "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "NPM_TOKEN",
			"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
			"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS":
			kept = append(kept, entry)
		default:
			if strings.HasPrefix(upper, "NPM_CONFIG_") {
				kept = append(kept, entry)
			}
		}
	}
	return kept
}

// npmError is a failed npm run; code is npm's word for the cause (E404).
type npmError struct {
	code  string
	cause error
}

func (e *npmError) Error() string { return "npm failed with " + e.code + ": " + e.cause.Error() }
func (e *npmError) Unwrap() error { return e.cause }

// npmCodeLine is how npm tells its error code on stderr, in new and old
// versions.
var npmCodeLine = regexp.MustCompile(`(?m)^npm (?:error|ERR!) code (\S+)$`)

// npmCode finds npm's error code: in its JSON answer, else on stderr.
func npmCode(stdout, stderr []byte) string {
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(stdout, &answer) == nil && answer.Error.Code != "" {
		return answer.Error.Code
	}
	if m := npmCodeLine.FindSubmatch(stderr); m != nil {
		return string(m[1])
	}
	return "unknown"
}

// folderSize is the size of all files below dir, as far as they can be seen.
func folderSize(dir string) int64 {
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // files come and go while npm works
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

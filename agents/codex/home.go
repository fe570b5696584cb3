package codex

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a CODEX_HOME that come from the user's.
const (
	authFile         = "auth.json"
	configFile       = "config.toml"
	instructionsFile = "AGENTS.md"
)

// prepareHome makes the CODEX_HOME of this server's own, with the user's login
// and configuration in it, and returns the configuration. Two processes must
// not share one home (PROTOCOL.md section 2).
//
// The login is a link, because the CLI renews it and an old copy of a renewed
// login is void. Of the rest the user's copy is taken whenever it is the newer
// one: the CLI itself writes what a client allowed for ever into ours.
func prepareHome(home, user string) ([]byte, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make Codex's folder: %w", err)
	}
	if user != "" {
		if err := linkLogin(filepath.Join(home, authFile), filepath.Join(user, authFile)); err != nil {
			return nil, err
		}
		for _, name := range []string{configFile, instructionsFile} {
			if err := copyNewer(filepath.Join(home, name), filepath.Join(user, name)); err != nil {
				return nil, fmt.Errorf("cannot take over Codex's %s: %w", name, err)
			}
		}
	}
	if err := forgetTrust(home, user); err != nil {
		return nil, err
	}
	config, err := os.ReadFile(filepath.Join(home, configFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read Codex's configuration: %w", err)
	}
	return config, nil
}

// fingerprint tells whether what the process took from the user is still what
// the user has: who is logged in, the configuration, the instructions. A login
// that was renewed is still the same one. It holds no secret.
func fingerprint(user string) [sha256.Size]byte {
	if user == "" {
		return [sha256.Size]byte{}
	}
	var login struct {
		Mode   string `json:"auth_mode"`
		Key    string `json:"OPENAI_API_KEY"`
		Tokens struct {
			Account string `json:"account_id"`
		} `json:"tokens"`
	}
	sum := sha256.New()
	for _, name := range []string{authFile, configFile, instructionsFile} {
		b, err := os.ReadFile(filepath.Join(user, name))
		if name == authFile && json.Unmarshal(b, &login) == nil {
			b = encode(login)
		}
		_, _ = fmt.Fprintf(sum, "%s %t %d\n%s", name, err == nil, len(b), b)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// linkLogin points ours at the user's login, as long as the user has one. A
// login that is no link was made in our home, and stays until the user's is
// newer.
func linkLogin(ours, users string) error {
	info, err := os.Lstat(ours)
	if err == nil && info.Mode()&fs.ModeSymlink == 0 {
		if login, err := os.Stat(users); err != nil || !login.ModTime().After(info.ModTime()) {
			return nil //nolint:nilerr // ours is the newest, or the only one
		}
	}
	if err == nil {
		if err := os.Remove(ours); err != nil {
			return fmt.Errorf("cannot renew the link to Codex's login: %w", err)
		}
	}
	if _, err := os.Stat(users); err != nil {
		return nil //nolint:nilerr // no login, which Codex will say
	}
	target, err := filepath.Abs(users)
	if err != nil {
		return fmt.Errorf("cannot find Codex's login: %w", err)
	}
	if err := os.Symlink(target, ours); err != nil {
		return fmt.Errorf("cannot link Codex's login: %w", err)
	}
	return nil
}

// copyNewer copies a file that is newer than ours.
func copyNewer(ours, users string) error {
	source, err := os.Stat(users)
	if err != nil || !source.Mode().IsRegular() {
		return nil //nolint:nilerr // the user has none
	}
	if own, err := os.Stat(ours); err == nil && !source.ModTime().After(own.ModTime()) {
		return nil
	}
	data, err := os.ReadFile(users)
	if err != nil {
		return err
	}
	return replaceFile(ours, data)
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

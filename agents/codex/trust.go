package codex

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// trusted finds the folders that a configuration trusts, in the form that the
// CLI writes.
var trusted = regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*projects[ \t]*\.[^\n]*\][ \t]*\r?\n[ \t]*trust_level[ \t]*=[ \t]*["']trusted["'][ \t]*(?:\r?\n|\z)`)

// inline finds folders in the form that the CLI rewrites to its own.
var inline = regexp.MustCompile(`(?m)^[ \t]*projects[ \t]*=`)

// forgetTrust takes the folders out of our configuration that are trusted
// there, and not in the user's: the CLI notes every folder that a thread which
// may write begins in (translator.begun), and then starts what the folder's
// own configuration names. To trust a folder is for the user alone, and so is
// to stop.
func forgetTrust(home, user string) error {
	path := filepath.Join(home, configFile)
	ours, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read Codex's configuration: %w", err)
	}
	var users []byte
	if user != "" {
		users, _ = os.ReadFile(filepath.Join(user, configFile)) // without one nothing is trusted
	}
	kept := map[string]bool{}
	for _, entry := range trusted.FindAll(users, -1) {
		kept[string(bytes.TrimSpace(entry))] = true
	}
	left := trusted.ReplaceAllFunc(ours, func(entry []byte) []byte {
		if kept[string(bytes.TrimSpace(entry))] {
			return entry
		}
		return nil
	})
	if len(left) == len(ours) {
		return nil
	}
	if inline.Match(users) {
		left = users // what it trusts was among what is taken out
	}
	if err := replaceFile(path, left); err != nil {
		return fmt.Errorf("cannot take folders out of Codex's configuration: %w", err)
	}
	return nil
}

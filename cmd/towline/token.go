package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// minToken is the least length of a token, in bytes: shorter ones are guessed.
const minToken = 16

// tokenPath is where a state folder keeps the token that was made for it.
func tokenPath(dir string) string { return filepath.Join(dir, "token") }

// takeToken returns the token that was given by file or by TOWLINE_TOKEN, or
// "" if none was. The variable is forgotten, so that no child inherits it.
func takeToken(t *terminal, file string) (string, error) {
	fromEnv := t.lookup("TOWLINE_TOKEN")
	t.env = slices.DeleteFunc(t.env, func(kv string) bool { return strings.HasPrefix(kv, "TOWLINE_TOKEN=") })
	if err := os.Unsetenv("TOWLINE_TOKEN"); err != nil {
		return "", fmt.Errorf("cannot unset TOWLINE_TOKEN: %w", err)
	}
	if file == "" {
		return checkToken(fromEnv, "TOWLINE_TOKEN")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("the token file %s is empty: write a token of %d characters or more into it", file, minToken)
	}
	return checkToken(token, file)
}

func checkToken(token, from string) (string, error) {
	if token != "" && len(token) < minToken {
		return "", fmt.Errorf("the token in %s is too short: use %d characters or more", from, minToken)
	}
	return token, nil
}

// keptToken returns the state folder's token, and makes one if there is none.
func keptToken(dir string) (string, error) {
	b, err := os.ReadFile(tokenPath(dir))
	if err == nil {
		return checkToken(strings.TrimSpace(string(b)), tokenPath(dir))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	return token, writePrivate(tokenPath(dir), []byte(token+"\n"))
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// stateDir returns the folder that a server keeps everything in: what was
// named, else $XDG_STATE_HOME/towline, else ~/.local/state/towline.
func stateDir(t *terminal, named string) (string, error) {
	if named == "" {
		base := t.lookup("XDG_STATE_HOME")
		if base == "" {
			home := t.lookup("HOME")
			if home == "" {
				return "", errors.New("there is no home folder for the state: name one with --state-dir")
			}
			base = filepath.Join(home, ".local", "state")
		}
		named = filepath.Join(base, "towline")
	}
	dir, err := filepath.Abs(named)
	if err != nil {
		return "", fmt.Errorf("cannot use the state folder: %w", err)
	}
	return dir, nil
}

// serverFile tells local clients where the server of a state folder is.
type serverFile struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

func serverFilePath(dir string) string { return filepath.Join(dir, "server.json") }

// writeServerFile leaves the file; remove takes it away again.
func writeServerFile(dir, url string) (remove func(), err error) {
	b, err := json.Marshal(serverFile{URL: url, PID: os.Getpid()})
	if err != nil {
		return nil, fmt.Errorf("cannot write server.json: %w", err)
	}
	path := serverFilePath(dir)
	if err := writePrivate(path, append(b, '\n')); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, nil
}

// readServerFile returns the file of a state folder; its server may be gone.
func readServerFile(dir string) (serverFile, error) {
	var f serverFile
	b, err := os.ReadFile(serverFilePath(dir))
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil || f.URL == "" {
		return f, fmt.Errorf("cannot read %s: it is damaged; remove it and start the server again", serverFilePath(dir))
	}
	return f, nil
}

// writePrivate writes a file that only its owner may read, whole or not at all.
func writePrivate(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made 0600
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

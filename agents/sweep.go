package agents

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Every process that an agent starts inherits the variable TOWLINE_RUN, which
// names the run that it belongs to: the state folder's lasting id, this
// server's life, and a number. It finds descendants that left the process
// group (RELIABILITY.md, O5); the first part finds those of an earlier life.
const runVariable = "TOWLINE_RUN"

var (
	// lifeID names this life of the server.
	lifeID = sync.OnceValue(func() string { return rand.Text()[:10] })
	// runs counts the runs of this life.
	runs atomic.Uint64
)

// newRun names a run.
func newRun(stateDir string) (string, error) {
	instance := "none"
	if stateDir != "" {
		var err error
		if instance, err = instanceOf(stateDir); err != nil {
			return "", err
		}
	}
	return instance + "." + lifeID() + "." + strconv.FormatUint(runs.Add(1), 10), nil
}

// recordDir is where a state folder keeps its records of running agents.
func recordDir(stateDir string) string { return filepath.Join(stateDir, "processes") }

// instanceOf returns the lasting id of a state folder, and makes one if there
// is none.
func instanceOf(stateDir string) (string, error) {
	dir := recordDir(stateDir)
	file := filepath.Join(dir, "instance")
	if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
		return string(b), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of process records: %w", err)
	}
	// A link makes the file appear whole, and only once.
	temp := filepath.Join(dir, "instance."+rand.Text())
	defer func() { _ = os.Remove(temp) }()
	if err := os.WriteFile(temp, []byte(rand.Text()), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the state folder's id: %w", err)
	}
	if err := os.Link(temp, file); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("cannot write the state folder's id: %w", err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the state folder's id: %w", err)
	}
	return string(b), nil
}

// record is what is kept of a running agent.
type record struct {
	PID int    `json:"pid"`
	Run string `json:"run"`
	// Start and Boot make the pid unmistakable: clock ticks since boot, and
	// the id of that boot.
	Start uint64 `json:"start"`
	Boot  string `json:"boot"`
}

// keepRecord writes the record of a running agent and returns its file. It is
// best effort: without it the mark alone finds what is left.
func keepRecord(stateDir, run string, pid int) (file string) {
	if stateDir == "" {
		return ""
	}
	start, boot, err := startOf(pid)
	if err != nil {
		return ""
	}
	b, err := json.Marshal(record{PID: pid, Run: run, Start: start, Boot: boot})
	if err != nil {
		return ""
	}
	file = filepath.Join(recordDir(stateDir), run+".json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		_ = os.Remove(file)
		return ""
	}
	return file
}

// dropRecord removes a record when nothing is left of its run.
func dropRecord(file string) {
	if file != "" {
		_ = os.Remove(file)
	}
}

// readRecords returns the records of earlier lives with their files. A torn
// one is returned as empty, so that it is removed.
func readRecords(stateDir string) map[string]record {
	records := make(map[string]record)
	files, _ := filepath.Glob(filepath.Join(recordDir(stateDir), "*.json"))
	for _, file := range files {
		var r record
		if b, err := os.ReadFile(file); err == nil && json.Unmarshal(b, &r) != nil {
			r = record{}
		}
		if !strings.Contains(r.Run, "."+lifeID()+".") {
			records[file] = r
		}
	}
	return records
}

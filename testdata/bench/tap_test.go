package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// noted checks a file of notes: these marks, each noted since begin.
func noted(t *testing.T, notes string, begin time.Time, marks ...string) {
	t.Helper()
	lines := strings.Fields(notes)
	if len(lines) != 2*len(marks) {
		t.Fatalf("the notes are %q, want the marks %v", notes, marks)
	}
	for i, mark := range marks {
		at := time.Unix(0, int64(number([]byte(lines[2*i]))))
		if lines[2*i+1] != mark || at.Before(begin.Truncate(time.Microsecond)) || time.Since(at) < 0 {
			t.Errorf("note %d is %q, want %s after %v", i+1, lines[2*i:2*i+2], mark, begin)
		}
	}
}

func TestStamperNotesWholeLines(t *testing.T) {
	const text = "nothing\n{#1.0001#} and #1.0002#\n#1.x#\n#1.0003# without an end"
	begin := time.Now()
	for name, from := range map[string]io.Reader{"at once": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
		t.Run(name, func(t *testing.T) {
			var notes strings.Builder
			got, err := io.ReadAll(&stamper{from: from, notes: &notes})
			if string(got) != text || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			noted(t, notes.String(), begin, "#1.0001#", "#1.0002#")
		})
	}
}

// tapped runs a shell script as a tapped agent and returns its output and the
// file of notes.
func tapped(t *testing.T, script, arg string) (out, notes string) {
	t.Helper()
	notes = filepath.Join(t.TempDir(), "notes")
	agent := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(agent, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], tapRole, notes, agent, arg)
	cmd.Stdin = strings.NewReader("asked\n")
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("the agent ended with %v", err)
	}
	return string(b), notes
}

func TestTapCopiesOutput(t *testing.T) {
	begin := time.Now()
	out, notes := tapped(t, `read line; echo "$1 $line"; echo '#2.0001#'`, "given")
	if out != "given asked\n#2.0001#\n" {
		t.Errorf("the agent's output is %q", out)
	}
	b, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	noted(t, string(b), begin, "#2.0001#")
}

func TestTapLeavesVersionAlone(t *testing.T) {
	out, notes := tapped(t, `echo '#2.0001#'`, "--version")
	if _, err := os.Stat(notes); out != "#2.0001#\n" || err == nil {
		t.Errorf("the agent's output is %q; the notes: %v", out, err)
	}
}

func TestProxyNotesStreams(t *testing.T) {
	begin := time.Now()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		fmt.Fprint(w, "data: #3.0001#\n\n")
	}))
	t.Cleanup(agent.Close)
	var notes strings.Builder
	proxy := stampedProxy(strings.TrimPrefix(agent.URL, "http://"), &notes)
	for _, path := range []string{"/other", "/events"} {
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if body := answer.Body.String(); body != "data: #3.0001#\n\n" {
			t.Errorf("%s answered %q", path, body)
		}
	}
	noted(t, notes.String(), begin, "#3.0001#")
}

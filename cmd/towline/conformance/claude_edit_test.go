package conformance_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// completedEdit waits for an edit and returns its diff.
func (c *talk) completedEdit() (protocol.Item, protocol.Part) {
	c.t.Helper()
	e := c.Await(agenttest.Want{Type: protocol.TypeItemCompleted, Has: map[string]string{"item.tool.kind": "edit", "item.status": "completed"}})
	item := e.Data.(*protocol.ItemCompleted).Item
	if len(item.Content) != 1 || item.Content[0].Type != protocol.PartDiff {
		c.t.Fatalf("the edit completed with %+v", item.Content)
	}
	return item, item.Content[0]
}

// A diff is exact to the byte, tabs and the missing end of the last line too.
func TestClaudeExactDiff(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{PermissionMode: "acceptEdits"})
	path := filepath.Join(s.place.Dir, "main.go")
	ok(t, os.WriteFile(path, []byte("package main\n\nfunc main() {\n\tprintln(1)\n\tprintln(2)\n}"), 0o600))
	s.say(s.script("edit",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "read", Path: "main.go"}}),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "edit", Path: "main.go", Old: "\tprintln(2)\n}", New: "\tprintln(\"zwei\")\n}\n// end"}}),
		agenttest.Play(agenttest.Say("Edited.")),
	), "")
	_, diff := s.completedEdit()
	s.ended(protocol.OutcomeCompleted)
	_, hunk, _ := strings.Cut(diff.Unified, "@@\n")
	want := " \n func main() {\n \tprintln(1)\n-\tprintln(2)\n-}\n\\ No newline at end of file\n+\tprintln(\"zwei\")\n+}\n+// end\n\\ No newline at end of file\n"
	if hunk != want || diff.Path != path || diff.Action != "update" || diff.Added != 3 || diff.Removed != 2 {
		t.Errorf("the diff is %+v with the hunk %q, want %q", diff, hunk, want)
	}
}

// A file of more than an event holds is in blobs, and whole.
func TestClaudeLargeFile(t *testing.T) {
	t.Parallel()
	s := startTalk(t, protocol.SessionCreate{PermissionMode: "acceptEdits"})
	content := strings.Repeat("0123456789abcdef0123456789abcde\n", 5_000) // 160,000 bytes
	s.say(s.script("write",
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: "large.txt", Content: content}}),
		agenttest.Play(agenttest.Say("Written.")),
	), "")
	item, diff := s.completedEdit()
	s.ended(protocol.OutcomeCompleted)
	if item.Tool.InputBlob == nil || item.Tool.Input != nil || diff.Blob == nil || !diff.Truncated || diff.Added != 5_000 {
		t.Fatalf("tool %+v, diff with blob %+v of %d lines", item.Tool, diff.Blob, diff.Added)
	}
	if whole := s.blob(diff.Blob); strings.Count(whole, "\n+0123") != 5_000 || !strings.HasPrefix(whole, diff.Unified) {
		t.Errorf("the blob of the diff has %d bytes and is not the diff", len(whole))
	}
	if input := s.blob(item.Tool.InputBlob); strings.Count(input, "0123456789abcdef0123456789abcde") != 5_000 {
		t.Errorf("the blob of the input has %d bytes and is not the input", len(input))
	}
	if written, err := os.ReadFile(filepath.Join(s.place.Dir, "large.txt")); string(written) != content {
		t.Errorf("the file has %d bytes, %v", len(written), err)
	}
}

// blob reads a blob of the session.
func (c *talk) blob(b *protocol.Blob) string {
	c.t.Helper()
	body, err := c.server.Client.Blob(c.t.Context(), c.Session(), b.ID)
	ok(c.t, err)
	defer body.Close()
	whole, err := io.ReadAll(body)
	ok(c.t, err)
	if int64(len(whole)) != b.Bytes {
		c.t.Errorf("blob %s has %d bytes, want %d", b.ID, len(whole), b.Bytes)
	}
	return string(whole)
}

package opencode

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// maxDiffBytes bounds a file of which a diff is made here.
const maxDiffBytes = 1 << 20

// diffPart shows what an edit did: the tool's own diff, the one that its
// permission carried (write has no other), or that of a new file.
func (c *toolCall) diffPart(meta toolMetadata) (protocol.Part, bool) {
	in := readInput(c.input)
	path := meta.FilePath
	if path == "" {
		path = in.FilePath
	}
	action := "update"
	if meta.Exists != nil && !*meta.Exists {
		action = "create"
	}
	unified := meta.Diff
	if unified == "" {
		unified = c.preview
	}
	if unified == "" && action == "create" && len(in.Content) <= maxDiffBytes {
		unified = udiff.Unified("/dev/null", path, "", in.Content)
	}
	if unified == "" && path == "" {
		return protocol.Part{}, false
	}
	return newDiff(path, action, unified), true
}

// newDiff makes a part of a diff in the server's form.
func newDiff(path, action, unified string) protocol.Part {
	d := protocol.Part{Type: protocol.PartDiff, Path: path, Action: action, Unified: plainDiff(unified)}
	if d.Path == "" {
		d.Path = diffPath(d.Unified)
	}
	return agents.WithUnified(d, d.Unified)
}

// plainDiff drops the lines before the first file header ("Index:" and a
// ruler), which are no part of the unified format.
func plainDiff(unified string) string {
	if at := strings.Index(unified, "--- "); at >= 0 && (at == 0 || unified[at-1] == '\n') {
		return unified[at:]
	}
	return unified
}

// diffPath is the file that a diff is about.
func diffPath(unified string) string {
	for line := range strings.Lines(unified) {
		if path, ok := strings.CutPrefix(line, "+++ "); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}

// turnDiffs is what a prompt's message says that its turn changed on the disk,
// by whatever means.
type turnDiffs struct {
	// told is the message whose changes were reported.
	told string
}

// fileDiff is one file of a message's summary.
type fileDiff struct {
	File      string `json:"file"`
	Patch     string `json:"patch"`
	Additions int    `json:"additions"`
	Deletions int    `json:"deletions"`
	Status    string `json:"status"`
}

// turnChanges reports what a turn has changed, once it is over: the server
// counts after its end (section 7), and at each step before.
func (t *translator) turnChanges(m nativeMessage, o *output) {
	var summary struct {
		Diffs []fileDiff `json:"diffs"`
	}
	if t.turn.open || m.SessionID != t.session || m.ID != t.lastUser || t.diffs.told == m.ID {
		return
	}
	if json.Unmarshal(m.Summary, &summary) != nil || len(summary.Diffs) == 0 {
		return
	}
	t.diffs.told = m.ID
	item := protocol.Item{ID: "changes:" + m.ID, Kind: protocol.KindStatus, Status: protocol.ItemInProgress, Content: []protocol.Part{}}
	o.emit(&protocol.ItemStarted{Item: item})
	item.Status = protocol.ItemDone
	item.Content = changesContent(summary.Diffs)
	o.emit(&protocol.ItemCompleted{Item: item})
}

// changesContent is a line for people and a diff for each file.
func changesContent(diffs []fileDiff) []protocol.Part {
	var added, removed int
	parts := []protocol.Part{{Type: protocol.PartStatus, Label: "Files changed"}}
	for _, d := range diffs {
		added += d.Additions
		removed += d.Deletions
		action := map[string]string{"added": "create", "deleted": "delete"}[d.Status]
		if action == "" {
			action = "update"
		}
		parts = append(parts, protocol.Part{
			Type: protocol.PartDiff, Path: d.File, Action: action, Unified: plainDiff(d.Patch), Added: d.Additions, Removed: d.Deletions,
		})
	}
	parts[0].Detail = strconv.Itoa(len(diffs)) + " files, +" + strconv.Itoa(added) + " -" + strconv.Itoa(removed)
	return parts
}

package claude

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// maxDiffBytes bounds the files of which an exact diff is made. Beyond it only
// the replaced piece is shown.
const maxDiffBytes = 4 << 20

// replacement is one edit of a file, as tools' inputs and results write it.
type replacement struct {
	Old string `json:"old_string"`
	New string `json:"new_string"`
	All bool   `json:"replace_all"`
}

// editDiff makes the diff of a completed edit. The CLI's own patch is not
// used: it is empty for a new file and turns a leading tab into two spaces
// (section 7, edits). originalFile is exact.
func editDiff(d resultDetail) (protocol.Part, bool) {
	switch {
	case !d.present:
		return protocol.Part{}, false
	case d.FilePath != "" && (d.Type == "create" || d.Type == "update") && d.Content.isSet:
		if d.OriginalFile == nil {
			return agents.DiffPart(d.FilePath, "create", "", d.Content.text), true
		}
		return agents.DiffPart(d.FilePath, "update", *d.OriginalFile, d.Content.text), true
	case d.FilePath != "" && d.OldString != nil:
		return replaceDiff(d.FilePath, d.OriginalFile, []replacement{{Old: *d.OldString, New: d.NewString, All: d.ReplaceAll}}), true
	case d.FilePath != "" && len(d.Edits) > 0:
		return replaceDiff(d.FilePath, d.OriginalFile, d.Edits), true
	case d.NotebookPath != "" && d.NewSource != nil:
		before := ""
		if d.OldSource != nil {
			before = *d.OldSource
		}
		return agents.DiffPart(d.NotebookPath, "update", before, *d.NewSource), true
	default:
		return protocol.Part{}, false
	}
}

// replaceDiff makes the diff of replacements, in the file if its content is
// known and holds them, else of the pieces alone.
func replaceDiff(path string, original *string, edits []replacement) protocol.Part {
	if original != nil {
		if after, ok := replaceAll(*original, edits); ok {
			return agents.DiffPart(path, "update", *original, after)
		}
	}
	var before, after strings.Builder
	for _, e := range edits {
		before.WriteString(e.Old)
		after.WriteString(e.New)
	}
	return agents.DiffPart(path, "update", before.String(), after.String())
}

// replaceAll applies the replacements one after the other.
func replaceAll(text string, edits []replacement) (string, bool) {
	for _, e := range edits {
		if e.Old == "" && text != "" || !strings.Contains(text, e.Old) {
			return "", false
		}
		times := 1
		if e.All {
			times = -1
		}
		text = strings.Replace(text, e.Old, e.New, times)
		if len(text) > maxDiffBytes {
			return "", false
		}
	}
	return text, true
}

// previewDiff shows what an edit would do, for a permission: the ask itself
// carries no diff (section 7, edits), so it is made of the input alone.
func previewDiff(tool string, input json.RawMessage) *protocol.Part {
	var in struct {
		FilePath  string        `json:"file_path"`
		Notebook  string        `json:"notebook_path"`
		Content   *string       `json:"content"`
		NewSource *string       `json:"new_source"`
		Edits     []replacement `json:"edits"`
		replacement
	}
	if json.Unmarshal(input, &in) != nil {
		return nil
	}
	var p protocol.Part
	switch {
	case tool == "Write" && in.Content != nil:
		// Whether the file exists is not known here: all of it is new.
		p = agents.DiffPart(in.FilePath, "update", "", *in.Content)
	case tool == "Edit":
		p = replaceDiff(in.FilePath, nil, []replacement{in.replacement})
	case tool == "MultiEdit":
		p = replaceDiff(in.FilePath, nil, in.Edits)
	case tool == "NotebookEdit" && in.NewSource != nil:
		p = agents.DiffPart(in.Notebook, "update", "", *in.NewSource)
	default:
		return nil
	}
	return &p
}

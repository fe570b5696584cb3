package acp

import (
	"encoding/json"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/protocol"
)

// maxDiffBytes bounds the texts of which a diff is made.
const maxDiffBytes = 4 << 20

// diffPart makes the part that shows what becomes of a file.
func diffPart(path, action, before, after string) protocol.Part {
	p := protocol.Part{Type: protocol.PartDiff, Path: path, Action: action}
	if len(before) > maxDiffBytes || len(after) > maxDiffBytes {
		p.Truncated = true
		return p
	}
	from, to := path, path
	switch action {
	case "create":
		from = "/dev/null"
	case "delete":
		to = "/dev/null"
	}
	p.Unified = udiff.Unified(from, to, before, after)
	header := 2 // two lines look like changes and are not
	for line := range strings.Lines(p.Unified) {
		switch {
		case header > 0:
			header--
		case line[0] == '+':
			p.Added++
		case line[0] == '-':
			p.Removed++
		}
	}
	return p
}

// exactDiff makes the diff of an edit from the file before it and what was
// replaced, or written; nil if the frame tells neither.
func exactDiff(raw json.RawMessage) *protocol.Part {
	var e struct {
		Path     string  `json:"filePath"`
		Original *string `json:"originalFile"`
		Old      *string `json:"oldString"`
		New      string  `json:"newString"`
		All      bool    `json:"replaceAll"`
		Content  *string `json:"content"`
	}
	if absent(raw) || json.Unmarshal(raw, &e) != nil || e.Path == "" {
		return nil
	}
	var p protocol.Part
	switch {
	case e.Content != nil && e.Original == nil:
		p = diffPart(e.Path, "create", "", *e.Content)
	case e.Content != nil:
		p = diffPart(e.Path, "update", *e.Original, *e.Content)
	case e.Original != nil && e.Old != nil && *e.Old != "" && strings.Contains(*e.Original, *e.Old):
		times := 1
		if e.All {
			times = -1
		}
		p = diffPart(e.Path, "update", *e.Original, strings.Replace(*e.Original, *e.Old, e.New, times))
	default:
		return nil
	}
	return &p
}

package acp

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

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
		p = agents.DiffPart(e.Path, "create", "", *e.Content)
	case e.Content != nil:
		p = agents.DiffPart(e.Path, "update", *e.Original, *e.Content)
	case e.Original != nil && e.Old != nil && *e.Old != "" && strings.Contains(*e.Original, *e.Old):
		times := 1
		if e.All {
			times = -1
		}
		p = agents.DiffPart(e.Path, "update", *e.Original, strings.Replace(*e.Original, *e.Old, e.New, times))
	default:
		return nil
	}
	return &p
}

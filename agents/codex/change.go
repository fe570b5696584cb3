package codex

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// fileChange is one file of a patch. For a new or deleted file diff is its
// plain content, for an update hunks without a file header (PROTOCOL.md
// section 5).
type fileChange struct {
	Path string     `json:"path"`
	Kind changeKind `json:"kind"`
	Diff string     `json:"diff"`
}

type changeKind struct {
	Type     string  `json:"type"`
	MovePath *string `json:"move_path,omitempty"`
}

// changeTool describes a patch.
func changeTool(n nativeItem) *protocol.Tool {
	type file struct {
		Path string     `json:"path"`
		Kind changeKind `json:"kind"`
	}
	files := make([]file, 0, len(n.Changes))
	for _, c := range n.Changes {
		files = append(files, file{c.Path, c.Kind})
	}
	kind, title := protocol.ToolEdit, "Edit "+strconv.Itoa(len(n.Changes))+" files"
	if len(n.Changes) == 1 {
		c := n.Changes[0]
		kind, title = c.tool()
	}
	return &protocol.Tool{Name: "apply_patch", Kind: kind, Title: title, Input: encode(map[string]any{"changes": files})}
}

// tool is what a change alone does.
func (c fileChange) tool() (protocol.ToolKind, string) {
	name := filepath.Base(c.Path)
	switch {
	case c.Kind.Type == "delete":
		return protocol.ToolDelete, "Delete " + name
	case c.Kind.MovePath != nil:
		return protocol.ToolMove, "Move " + name + " to " + filepath.Base(*c.Kind.MovePath)
	case c.Kind.Type == "add":
		return protocol.ToolEdit, "Create " + name
	default:
		return protocol.ToolEdit, "Edit " + name
	}
}

// diffParts makes a part of each file.
func diffParts(changes []fileChange) []protocol.Part {
	parts := make([]protocol.Part, 0, len(changes))
	for _, c := range changes {
		parts = append(parts, c.part())
	}
	return parts
}

// part makes the part that shows what becomes of a file.
func (c fileChange) part() protocol.Part {
	p := protocol.Part{Type: protocol.PartDiff, Path: c.Path, Action: "update"}
	switch c.Kind.Type {
	case "add":
		p.Action = "create"
		p.Unified = udiff.Unified("/dev/null", c.Path, "", c.Diff)
	case "delete":
		p.Action = "delete"
		p.Unified = udiff.Unified(c.Path, "/dev/null", c.Diff, "")
	default:
		hunks := c.Diff
		if c.Kind.MovePath != nil {
			p.Action, p.Path, p.OldPath = "move", *c.Kind.MovePath, c.Path
			hunks = strings.TrimSuffix(hunks, "\n\nMoved to: "+*c.Kind.MovePath)
		}
		if hunks = strings.TrimRight(hunks, "\n"); hunks != "" {
			p.Unified = "--- " + c.Path + "\n+++ " + p.Path + "\n" + hunks + "\n"
		}
	}
	return agents.WithUnified(p, p.Unified)
}

// preview is the one diff that a permission shows: of all files together.
func preview(changes []fileChange) *protocol.Part {
	if len(changes) == 0 {
		return nil
	}
	all := changes[0].part()
	for _, c := range changes[1:] {
		p := c.part()
		all.Unified += p.Unified
		all.Added += p.Added
		all.Removed += p.Removed
	}
	return &all
}

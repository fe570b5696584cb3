package main

import (
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// maxDiffLines is how many lines of a diff are shown.
const maxDiffLines = 60

// diff writes what changed in a file.
func (r *renderer) diff(p *protocol.Part) {
	from := ""
	if p.OldPath != "" && p.OldPath != p.Path {
		from = " from " + p.OldPath
	}
	r.linef(bold, "  %s %s%s (+%d -%d)", p.Action, p.Path, from, p.Added, p.Removed)
	lines := strings.Split(strings.TrimRight(p.Unified, "\n"), "\n")
	shown := 0
	for _, l := range lines {
		if l == "" && shown == 0 || strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "+++ ") {
			continue
		}
		if shown == maxDiffLines {
			r.linef(dim, "  ... the diff goes on")
			return
		}
		shown++
		r.linef(diffColour(l), "  %s", l)
	}
}

// diffColour is the colour of a line of a unified diff.
func diffColour(line string) colour {
	switch {
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "@@"):
		return cyan
	default:
		return plain
	}
}

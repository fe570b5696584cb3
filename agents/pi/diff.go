package pi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// numbered is a line of Pi's diffs: sign, line number, text. A line without
// number stands for lines that are left out.
var numbered = regexp.MustCompile(`^([ +-]) *(\d+) (.*)$`)

// hunk is a piece of a unified diff on its way.
type hunk struct {
	oldStart, newStart int
	oldLines, newLines int
	text               strings.Builder
}

// unified turns Pi's numbered diff into the hunks of a unified one. Context
// and removed lines have the old file's numbers, added ones the new file's.
func unified(diff string) string {
	var out strings.Builder
	var h *hunk
	shift := 0 // how much further down lines are in the new file
	flush := func() {
		if h != nil {
			fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n%s", h.oldStart, h.oldLines, h.newStart, h.newLines, h.text.String())
		}
		h = nil
	}
	for line := range strings.Lines(diff) {
		m := numbered.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			flush()
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		if h == nil {
			h = &hunk{oldStart: n, newStart: n + shift}
			if m[1] == "+" {
				h.oldStart, h.newStart = n-shift, n
			}
		}
		h.text.WriteString(m[1] + m[3] + "\n")
		switch m[1] {
		case "+":
			h.newLines++
			shift++
		case "-":
			h.oldLines++
			shift--
		default:
			h.oldLines++
			h.newLines++
		}
	}
	flush()
	return out.String()
}

// preview shows what a call would do to a file, for its permission: of an edit
// the pieces alone, because the file is not at hand.
func preview(c *toolCall, tool *protocol.Tool, input json.RawMessage) *protocol.Part {
	in := readInput(input)
	var p protocol.Part
	switch tool.Name {
	case "write":
		p = c.written(in)
	case "edit":
		var before, after strings.Builder
		for _, e := range in.Edits {
			before.WriteString(e.Old)
			after.WriteString(e.New)
		}
		p = agents.DiffPart(in.Path, "update", before.String(), after.String())
	default:
		return nil
	}
	return &p
}

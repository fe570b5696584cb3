package acp

import (
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

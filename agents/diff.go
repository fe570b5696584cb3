package agents

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/protocol"
)

// maxDiffBytes bounds the files of which a diff is made.
const maxDiffBytes = 4 << 20

// DiffPart makes the part that shows what becomes of a file. Action is create,
// update or delete. Beyond 4 MiB the part has no diff and is marked as truncated.
func DiffPart(path, action, before, after string) protocol.Part {
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
	return WithUnified(p, udiff.Unified(from, to, before, after))
}

// UnifiedPart makes the part of a diff that an agent made: hunks as they
// stand in a unified diff, without the two lines before them.
func UnifiedPart(path, action, hunks string) protocol.Part {
	if hunks != "" && !strings.HasSuffix(hunks, "\n") {
		hunks += "\n"
	}
	p := protocol.Part{Type: protocol.PartDiff, Path: path, Action: action}
	return WithUnified(p, "--- "+path+"\n+++ "+path+"\n"+hunks)
}

// WithUnified sets the diff of a part and counts its lines. The two header lines
// look like changes and are not.
func WithUnified(p protocol.Part, unified string) protocol.Part {
	p.Unified = unified
	header := 2
	for line := range strings.Lines(unified) {
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

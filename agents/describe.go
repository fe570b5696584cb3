package agents

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/protocol"
)

// maxTitle bounds a title, in characters.
const maxTitle = 200

var lineEnds = strings.NewReplacer("\r\n", "⏎", "\n", "⏎", "\t", " ")

// OneLine makes one safe line of a text, for titles. Line ends stay visible,
// because they part commands.
func OneLine(s string) string {
	return protocol.EscapeTitle(lineEnds.Replace(strings.TrimSpace(s)), maxTitle)
}

// maxDiffBytes bounds the files of which a diff is made.
const maxDiffBytes = 4 << 20

// DiffPart makes the part that shows what becomes of a file. Action is create
// or update. Beyond 4 MiB the part has no diff and is marked as truncated.
func DiffPart(path, action, before, after string) protocol.Part {
	p := protocol.Part{Type: protocol.PartDiff, Path: path, Action: action}
	if len(before) > maxDiffBytes || len(after) > maxDiffBytes {
		p.Truncated = true
		return p
	}
	from := path
	if action == "create" {
		from = "/dev/null"
	}
	return withUnified(p, udiff.Unified(from, path, before, after))
}

// UnifiedPart makes the part of a diff that an agent made: hunks as they
// stand in a unified diff, without the two lines before them.
func UnifiedPart(path, action, hunks string) protocol.Part {
	if hunks != "" && !strings.HasSuffix(hunks, "\n") {
		hunks += "\n"
	}
	p := protocol.Part{Type: protocol.PartDiff, Path: path, Action: action}
	return withUnified(p, "--- "+path+"\n+++ "+path+"\n"+hunks)
}

// withUnified sets a diff and counts its lines. The two header lines look like
// changes and are not.
func withUnified(p protocol.Part, unified string) protocol.Part {
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

// PromptText is a part of a prompt as text, for agents whose prompts are texts
// and images: a file's content where it is text, else where it lies. Title is
// the agent's name for people. The error is a *protocol.Error invalid_request.
func PromptText(title string, c Content) (string, error) {
	data := c.Bytes
	if data == nil {
		data = c.Data
	}
	switch c.Type {
	case protocol.PartText:
		return c.Text, nil
	case protocol.PartJSON:
		return string(c.JSON), nil
	case protocol.PartFile:
		if len(data) > 0 && utf8.Valid(data) && !bytes.ContainsRune(data, 0) {
			name := c.Name
			if name == "" {
				name = c.Path
			}
			return "<file name=\"" + strings.ReplaceAll(OneLine(name), `"`, "'") + "\">\n" + string(data) + "\n</file>", nil
		}
	case protocol.PartImage, protocol.PartResourceLink:
	default:
		return "", protocol.Errorf(protocol.CodeInvalidRequest, "%s takes text, image, file, resource_link and json parts in a prompt, not %s", title, c.Type)
	}
	switch {
	case c.Path != "":
		return "@" + c.Path, nil
	case c.URL != "":
		return strings.TrimSpace(c.Name + " " + c.URL), nil
	default:
		return "", protocol.Errorf(protocol.CodeInvalidRequest, "%s cannot read the %s part of the prompt; send a text, or give the file by its path", title, c.Type)
	}
}

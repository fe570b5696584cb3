package agents

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

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

// PromptDropped tells that a prompt which was to join a turn did not, and will
// not be carried out. The message says why, and what to do.
func PromptDropped(promptID, message string) *protocol.ErrorEvent {
	details, err := json.Marshal(map[string]string{"prompt_id": promptID})
	if err != nil {
		panic("agents: cannot encode a prompt's id: " + err.Error()) // a string always encodes
	}
	return &protocol.ErrorEvent{Code: "prompt_dropped", Message: message, Details: details}
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

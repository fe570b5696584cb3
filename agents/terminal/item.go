package terminal

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// changing is the confidence of a screen that was told while it still changed.
const changing = 0.5

// maxItemText bounds the text of an item, in bytes: huge screens exist.
const maxItemText = 32 << 10

// shownScreen is the JSON part of a screen's item.
type shownScreen struct {
	Confidence float64 `json:"confidence"`
	Text       string  `json:"text"`
	Title      string  `json:"title,omitempty"`
	// Offset is where in the output the screen was like this.
	Offset int64 `json:"offset"`
}

// screenItem is the item that tells what the screen shows: of kind status,
// with a JSON part {confidence, text, title, offset}.
func screenItem(n int, s shownScreen) protocol.Item {
	if over := len(s.Text) - maxItemText; over > 0 {
		s.Text = strings.ToValidUTF8(s.Text[over:], "") // the newest is at the bottom
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("cannot encode a screen: " + err.Error()) // plain data: cannot happen
	}
	return protocol.Item{
		ID: "screen-" + strconv.Itoa(n), Kind: protocol.KindStatus, Status: protocol.ItemDone,
		Content: []protocol.Part{
			{Type: protocol.PartStatus, Label: "screen", Detail: lastLine(s.Text)},
			{Type: protocol.PartJSON, JSON: b},
		},
	}
}

// lastLine is the last line of a screen that holds something.
func lastLine(text string) string {
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

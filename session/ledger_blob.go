package session

import (
	"bytes"
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// A content text over maxText bytes is kept as a blob; the event carries its
// first headText bytes.
const (
	maxText  = 64 << 10
	headText = 8 << 10
)

// storeParts returns the parts as they go into an event: inline data and long
// texts replaced by blobs. It never returns nil and never changes its
// argument.
func (l *ledger) storeParts(parts []protocol.Part) []protocol.Part {
	out := make([]protocol.Part, len(parts))
	for i, p := range parts {
		out[i] = l.storePart(p)
	}
	return out
}

// storePart is storeParts for one part.
func (l *ledger) storePart(p protocol.Part) protocol.Part {
	if len(p.Data) > 0 {
		p.Blob = l.blob(p.Mime, p.Data)
		p.Data = nil
	}
	for _, text := range []*string{&p.Text, &p.Output, &p.Unified} {
		if len(*text) > maxText {
			p.Blob = l.blob("text/plain; charset=utf-8", []byte(*text))
			p.Truncated = true
			*text = (*text)[:cut(*text, headText)]
		}
	}
	if len(p.JSON) > maxText {
		p.Blob = l.blob("application/json", p.JSON)
		p.JSON, p.Truncated = nil, true
	}
	return p
}

// storeTool returns the tool as it goes into an event: a long input replaced
// by a blob.
func (l *ledger) storeTool(t *protocol.Tool) *protocol.Tool {
	if t == nil {
		return nil
	}
	out := *t
	out.Input = compact(out.Input)
	if len(out.Input) > maxText {
		out.InputBlob = l.blob("application/json", out.Input)
		out.Input = nil
	}
	out.Title = protocol.EscapeTitle(out.Title, maxTitle)
	return &out
}

// compact returns JSON without white space, as it stands in an event, so that
// its hash can be checked there; nil for what is no JSON.
func compact(in json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(in) == 0 || json.Compact(&b, in) != nil {
		return nil
	}
	return b.Bytes()
}

// blob keeps content to be stored with the event that names it. Blobs are
// named by their content, so the same content is kept once.
func (l *ledger) blob(mime string, content []byte) *protocol.Blob {
	b := newBlob(l.sessionID, mime, content)
	l.out.blobs = append(l.out.blobs, b)
	return &protocol.Blob{ID: b.ID, Bytes: int64(len(content)), SHA256: b.SHA256, Mime: mime}
}

// newBlob makes the store's row for content.
func newBlob(sessionID, mime string, content []byte) store.Blob {
	sum := hexSHA256(content)
	return store.Blob{SessionID: sessionID, ID: "b" + sum[:32], Mime: mime, SHA256: sum, Bytes: content}
}

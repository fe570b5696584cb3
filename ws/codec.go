package ws

import (
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// codec is how a socket's frames are encoded.
type codec struct {
	// subprotocol is what the handshake answers; empty if none was offered.
	subprotocol string
	format      protocol.Format
	message     websocket.MessageType
}

// codecs are the supported ones, in the server's order of preference.
var codecs = []codec{
	{subprotocol: protocol.SubprotocolJSON, format: protocol.FormatJSON, message: websocket.MessageText},
	{subprotocol: protocol.SubprotocolMsgpack, format: protocol.FormatMsgpack, message: websocket.MessageBinary},
}

// negotiate picks the codec of a handshake: the first of ours that the client
// offers. None offered means JSON; a token entry is no offer.
func negotiate(r *http.Request) (codec, error) {
	offered := false
	pick := -1
	for _, p := range subprotocols(r) {
		if strings.HasPrefix(p, bearerProtocol) {
			continue
		}
		offered = true
		for i := range codecs {
			if strings.EqualFold(p, codecs[i].subprotocol) && (pick < 0 || i < pick) {
				pick = i
			}
		}
	}
	switch {
	case pick >= 0:
		return codecs[pick], nil
	case !offered:
		return codec{format: protocol.FormatJSON, message: websocket.MessageText}, nil
	default:
		return codec{}, protocol.Errorf(protocol.CodeInvalidRequest, "none of the offered subprotocols is known; offer %s or %s",
			protocol.SubprotocolJSON, protocol.SubprotocolMsgpack)
	}
}

// events returns a block's events in the codec's form.
func (c codec) events(b *session.Block) ([]byte, error) {
	if c.format == protocol.FormatMsgpack {
		return b.Msgpack()
	}
	return b.JSON(), nil
}

// maxPooledFrame is the largest buffer kept for reuse.
const maxPooledFrame = 1 << 20

// buffers holds frames in the making, in and out, so that a socket keeps no
// buffer while it is idle.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// getBuffer returns an empty buffer.
func getBuffer() *[]byte {
	b, _ := buffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

// putBuffer gives a buffer back; nothing may refer to its bytes any more.
func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooledFrame {
		buffers.Put(b)
	}
}

package ws

import (
	"context"
	"strconv"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// readPage returns a page of history as JSON. The session bounds it to half of
// what a frame may hold.
func readPage(ctx context.Context, on *session.Session, read protocol.EventsRead, raw bool) ([]byte, error) {
	if read.After != nil && read.Before != nil {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "after and before exclude each other; send one of them")
	}
	if read.Limit < 0 || read.Limit > maxPage {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "limit is out of range; send 1 to %d", maxPage)
	}
	page, err := on.Events(ctx, read, raw)
	if err != nil {
		return nil, err
	}
	return appendPage(nil, page), nil
}

// appendPage writes a page around its encoded events, as protocol.EventPage.
func appendPage(dst []byte, p session.EventsPage) []byte {
	dst = append(dst, `{"events":[`...)
	for i, b := range p.Blocks {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, b.JSON()...)
	}
	dst = append(dst, `],"last":`...)
	dst = strconv.AppendUint(dst, p.Last, 10)
	dst = append(dst, `,"head":`...)
	dst = strconv.AppendUint(dst, p.Head, 10)
	dst = append(dst, `,"epoch":`...)
	dst = protocol.AppendString(dst, p.Epoch)
	dst = append(dst, `,"more":`...)
	dst = strconv.AppendBool(dst, p.More)
	return append(dst, '}')
}

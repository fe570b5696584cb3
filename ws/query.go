package ws

import (
	"strconv"

	"github.com/towline-dev/towline/protocol"
)

// Sizes of pages.
const (
	defaultPage = 100
	maxPage     = 1000
)

// queryCursor reads a cursor that was given: unlike an absent one it must not
// be empty.
func queryCursor(s string) (protocol.Cursor, error) {
	if s == "" {
		return protocol.Cursor{}, protocol.Errorf(protocol.CodeInvalidCursor, "the cursor is empty; send the seq of the last event you have, or head")
	}
	return protocol.ParseCursor(s)
}

// queryBool reads a switch; absent means off.
func queryBool(s string) (bool, error) {
	if s == "" {
		return false, nil
	}
	return strconv.ParseBool(s)
}

// queryLimit reads a page's size; absent means the default.
func queryLimit(s string) (int, error) {
	if s == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		return 0, protocol.Errorf(protocol.CodeInvalidRequest, "limit is out of range; send 1 to %d", maxPage)
	}
	return n, nil
}

func errBadRaw() *protocol.Error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "raw is neither 1 nor 0; send raw=1 to get native frames")
}

func errBadView() *protocol.Error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "view is unknown; send full, items or asks")
}

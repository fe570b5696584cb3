package ws

import "github.com/coder/websocket"

// The close codes that the server sends by its own decision. Codes 4000 to 4499
// mean: reconnect with your cursor; 4500 to 4999: not without help.
const (
	// closeWrongType: text on msgpack, or binary on JSON.
	closeWrongType = websocket.StatusUnsupportedData
	// closeBadPayload: not UTF-8, not decodable, or beyond the guard.
	closeBadPayload = websocket.StatusInvalidFramePayloadData
	// closePolicy: control frames in a flood, or a message not assembled in time.
	closePolicy = websocket.StatusPolicyViolation
	// closeInternal: the server failed; the session goes on.
	closeInternal = websocket.StatusInternalError
	// closeRestart: the server restarts.
	closeRestart = websocket.StatusServiceRestart
	// closeNoPong: the peer answered no ping.
	closeNoPong = websocket.StatusCode(4408)
	// closeRate: the peer sends too fast.
	closeRate = websocket.StatusCode(4429)
	// closeNoFirstFrame: a socket without a session named none in time.
	closeNoFirstFrame = websocket.StatusCode(4501)
	// closeGone: the session was deleted.
	closeGone = websocket.StatusCode(4504)
)

// Package ws is the edge: everything that a network client can reach. It holds
// the WebSocket, the SSE stream, the REST routes and the walls in front of them
// (Host and Origin lists, tokens, tickets, limits), and no logic of sessions.
//
// The way of a request: host.go, origin.go, auth.go, router.go, then the
// handler. The way of a socket: socket.go opens it, socket_read.go takes frames
// in, socket_command.go runs them, socket_write.go sends events and results,
// heartbeat.go keeps it honest, socket_close.go ends it.
//
// Goroutines: a socket has two while idle (one reads frames, one waits for
// events) and a third while commands run. All of them belong to the Server,
// whose Serve returns only when they have ended.
package ws

// Package clientlib is the Go client of a Towline server.
//
// A Client speaks HTTP and holds no connection of its own. A Stream is one
// socket to one session that outlives its connections: it reconnects by
// itself, resumes at its cursor and sends unanswered commands again with the
// same ids.
//
// Order: a Stream hands over a session's events in the order of Seq, each
// once, whatever was cut in between. What the server could not continue comes
// as a *GapError in its place; nothing is missing without one.
//
// Commands: each has an id, which is its idempotency key. A call returns when
// the server has answered; until then the command is repeated after every
// reconnect, and the server runs it once.
//
// Concurrency: every method of Client and Stream may be called from any
// goroutine, but the events of one Stream are read by one goroutine at a time.
// A Stream owns its goroutines from Attach to Close, and Close waits for them.
package clientlib

// Package opencode drives OpenCode through one shared `opencode serve` (HTTP
// and server-sent events). Facts about it are cited as "section N" of
// opencode/PROTOCOL.md.
//
// The way of an event: server.go starts the process and reads its stream
// (stream.go), routes.go finds the session that the frame is about, and
// conn.go hands it to that session's translator. A translator is pure: native
// event in, reports out (event.go, then one file per noun: turn, message,
// part, tool, permission, question, plan, subagent, error); command in, HTTP
// requests out as data (command.go). client.go performs requests and knows
// nothing of their meaning.
//
// A stream that breaks while the server lives is opened again (reconnect.go).
// It repeats nothing, so each session reads how it is now from the server's
// listings, and its translator tells what it did not know (resync.go).
//
// Concurrency: an Agent is safe for concurrent use. A translator belongs to one
// conn, which locks it. The shared process has two goroutines, one that reads
// the stream and one that waits for its end; each conn has one that performs
// the requests that events lead to.
package opencode

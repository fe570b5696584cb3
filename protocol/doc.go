// Package protocol is what travels between Towline and its clients: universal
// events, the items they build, client commands, frames, errors and
// capabilities, with their JSON and msgpack encodings and the guard that every
// inbound byte passes first.
//
// The package imports nothing else of Towline, starts no goroutine and does no
// I/O. Its values are plain data: safe to share between goroutines as long as
// nobody writes to them.
//
// Order: within a session events are ordered by Seq alone, from 1, without
// holes. Time is information, never order.
//
// The wire is described for people in docs/PROTOCOL.md; the tests check the
// examples there against these types.
package protocol

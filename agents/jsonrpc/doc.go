// Package jsonrpc is one side of a JSON-RPC 2.0 connection whose messages are
// single lines of JSON, as agents speak it on stdin and stdout.
//
// A Peer is pure: it makes the lines to write and reads the lines that came,
// and does no I/O, so it fits into an agents.Translator. That gives the order
// for free: what Receive returns is in the order of the lines, so a
// notification never overtakes the response before it, nor the other way
// round. The ids of the two directions are separate spaces and may collide;
// a message with a method is theirs, one without is an answer to ours.
package jsonrpc

// Package mock is a scripted agent that lives inside the server: it shows a
// user interface everything that an agent can do, with no process, no model
// and no key. The first word of a prompt chooses the script; help lists them.
//
// It touches neither files nor network: commands, edits and costs are made up.
//
// It keeps the rules that real agents keep: one turn at a time, an interrupt
// stops the turn at once with outcome interrupted, a steering prompt joins the
// open turn, asks wait for ever, and a native session can be resumed or forked
// by its id. Ids in its reports are its own, unique within a native session
// also over a resume.
//
// Concurrency: an open Conn owns one goroutine, which runs the scripts; Close
// waits for it. A script that writes faster than Recv reads is held back.
package mock

// Package pi drives the Pi coding agent as an agent, through its RPC mode: one
// JSON object a line on stdin and stdout.
//
// The way of a native frame: translator.go reads its type and hands it to one
// file by noun: message.go (text and reasoning), delta.go (the one frame that
// comes often, of which only the head is read), tool.go and diff.go (calls and
// what they changed), dialog.go, then permission.go or question.go (dialogs of
// extensions), turn.go (where a turn begins and ends), queue.go (prompts that
// wait inside Pi), response.go (answers to our own requests); skipped.go takes
// those that are too long. The way of a command: command.go, then the noun's
// file.
//
// Pi has no permissions of its own. gate.ts is an extension that Towline
// writes beside every process; it asks before each tool call, over the same
// pipe. What needs no human is answered by the translator (agents.Grants), so
// that a permission mode changes at once. A process whose gate did not load is
// ended before it takes a prompt. Another extension could take the gate out, so
// only the user's own are loaded (extensions.go), and nothing of the work
// folder's that runs (workspace.go).
//
// The facts about Pi were measured with version 0.74.2; comments name the
// section of that protocol's notes ("PROTOCOL.md section 7").
package pi

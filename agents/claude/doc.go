// Package claude drives the Claude Code CLI as an agent, through its
// stream-json protocol on stdin and stdout.
//
// The way of a native frame: translator.go reads its type and hands it to one
// file by noun: init.go (turn and session facts), message.go (text and
// reasoning, streamed or whole), abandon.go (streams that broke), tool.go (tool calls and results), diff.go
// (what an edit changed), permission.go, question.go and plan.go (asks),
// subagent.go (tasks), usage.go and error.go (how a turn ended), configure.go
// (answers to our own requests), unparsed.go (the rest). The way of a command:
// command.go, then the noun's file. delta.go reads the one frame that comes
// often without reflection.
//
// The facts about the CLI were measured with version 2.1.330; comments name
// the section of that protocol's notes ("PROTOCOL.md section 6").
//
// Permission modes: the CLI has default, acceptEdits, plan, dontAsk, auto and
// bypassPermissions, and no other notion of a mode. The universal words map so:
//
//	mode            plan        permission mode plan
//	mode            default     the permission mode that was set before plan
//	permission mode default     default
//	permission mode acceptEdits acceptEdits
//	permission mode plan        plan
//	permission mode bypass      bypassPermissions
//
// The CLI's own words are taken as they are, and they are what is reported.
package claude

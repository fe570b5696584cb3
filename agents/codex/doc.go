// Package codex drives the Codex CLI as an agent, through one shared
// "codex app-server" process that serves all sessions.
//
// The process: server.go is one that runs; supervisor.go starts it, starts it
// again after a crash and stops it when nobody needs it; home.go, trust.go and
// environment.go say what it finds; hub.go and router.go are its pure half,
// which sorts messages by thread. conn.go is one session's connection,
// login.go the one of a session that nobody is logged in for, workspace.go
// tidies the session's folder.
//
// The way of a native frame: the hub finds the translator of the thread
// (translator.go), which hands it to one file by noun: thread.go (opening),
// turn.go, item.go (what all items have in common), unfinished.go (items that
// Codex leaves open), message.go, exec.go, change.go, tool.go, subagent.go,
// permission.go, question.go, elicitation.go, usage.go, notice.go,
// unparsed.go. The way of a command: command.go, prompt.go, settings.go, then
// the noun's file.
//
// The facts about the CLI were measured with version 0.169.0; comments name
// the section of that protocol's notes ("PROTOCOL.md section 6").
//
// Permission modes: Codex has an approval policy and a sandbox. The universal
// words map so:
//
//	permission mode default     untrusted   workspace-write     asks before each command and edit
//	permission mode acceptEdits on-request  workspace-write     works in the sandbox, asks to leave it
//	permission mode plan        never       read-only           changes nothing, and asks nothing
//	permission mode bypass      never       danger-full-access  runs everything
//
// A work folder is trusted only where the user's own configuration says so
// (translator.begun); only then does its .codex folder start programs and allow
// commands.
//
// Mode plan is Codex's own plan mode, in which the model plans and asks
// questions; it goes with permission mode plan, and leaving it restores the
// permission mode that was set before.
package codex

// Package amp drives the Amp CLI as an agent, through its stream-json mode on
// stdin and stdout.
//
// The way of a native frame: translator.go reads its type and hands it to one
// file by noun: message.go (whole messages, there are no deltas), tool.go and
// result.go (calls and what came of them), turn.go (where a turn ends),
// permission.go (asks). The way of a command: conn.go, command.go, image.go;
// prompt.go keeps the prompts that Amp has not read yet. The way of a frame too
// long to be read: skipped.go.
//
// Processes: Amp's process ends at an interrupt and at every error of the
// model; the thread goes on in a new one (section 4). A connection therefore
// outlives its processes. When a process has said its last word (a result
// frame), or was interrupted by us, its exit is not reported, and the next
// prompt starts another with "threads continue". Only a process that ends
// without a word is reported as exited, and with it the connection ends. So
// agent.started is told once for each connection, with the first process's id.
//
// Approvals: the settings file that every process gets ends in a rule that
// hands each call that can change something to a delegate program (section 5).
// That program is Towline itself: delegate.go asks over a private socket,
// bridge.go takes the asks, and the answer is the program's exit code. A
// connection's socket knows one capability, which can ask and nothing else.
// Amp prefers settings in the work folder to those that it is given, so it is
// not started beside some that set permissions (workspace.go), and a call that
// would write some is asked for also where edits are allowed (gate.go).
//
// Two generations of the CLI share the stdout format (section 1). The first,
// up to April 2026, is proven by tests with the real CLI, and takes images since
// March 2026; of the second, whose agent runs on Amp's own servers, only what
// both promise is claimed (generation.go).
//
// The facts about Amp were measured with the CLIs of 10 February and 27 April
// 2026; comments name the section of that protocol's notes ("PROTOCOL.md
// section 4").
package amp

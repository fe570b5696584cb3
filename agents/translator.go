package agents

// Translator is the pure part of an agent that speaks in frames over stdio.
// It is a state machine without I/O, clock, randomness or goroutine; Stdio
// calls it from one goroutine at a time.
//
// Turns: a translator reports TurnEnded for every end of a turn that the
// native protocol tells, and TurnStarted when the agent begins one (with
// origin client and the prompt ids if it can tell, else origin agent). The
// session opens the turn of a prompt itself, when it sends the prompt, and
// merges the report; so a TurnStarted is needed only for turns the session
// did not ask for, and harmless for the others.
//
// Frames that a translator cannot read become AgentUnparsed, never an error.
type Translator interface {
	// Open returns the frames that begin the native session, to be written
	// before anything else.
	Open() [][]byte
	// Native takes one frame from the agent.
	Native(frame []byte) Output
	// Command turns a command into native frames. An error is a
	// *protocol.Error; then nothing is written.
	Command(c Command) (Output, error)
}

// Ender is a Translator that knows which frames end its native session.
type Ender interface {
	// Ending returns the frames that Close writes first.
	Ending() [][]byte
}

// Skipper is a Translator that can tell from the ends of a frame what it was
// (ReadEnds). A frame that is too long is not read; where the agent waits for an
// answer to it, or the session for what it says, neither may wait for ever:
//
//   - a request is refused, and an ErrorEvent tells of what;
//   - an answer fails the command, the opening or the turn that it is for, and
//     so does the frame that ends a turn: how it ended is not known;
//     Stdio adds to such an error what the process wrote to standard error;
//   - of anything else nothing hangs, so AgentUnparsed is enough;
//   - if the ends do not tell what it was while something is waited for, nobody
//     can know what to fail, so the process is ended (Output.Broken). That ends
//     the turn, with the process's last words; the next prompt goes on.
type Skipper interface {
	// Skipped takes the first and last 256 bytes of a frame that was skipped.
	// That it was is told by AgentUnparsed before what is returned.
	Skipped(head, tail []byte) Output
}

// Output is what a frame or command leads to.
type Output struct {
	// Report goes to the session.
	Report
	// Frames go to the agent, each without its line end.
	Frames [][]byte
	// Ready tells that the agent has answered its opening and takes prompts.
	Ready bool
	// Broken says in a sentence why nothing more can be made of the process,
	// which is ended for it: AgentExited tells the sentence. Empty otherwise.
	Broken string
}

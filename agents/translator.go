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

// Skipper is a Translator that can tell from the ends of a frame what it was.
// A frame that is too long is not read; where the agent waits for an answer to
// it, or the session for what it says, neither may wait for ever.
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
}

package agenttest

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Round is what the scripted model does in answer to one request, whatever
// protocol the agent speaks: it plays its blocks in order, and fails if told.
type Round struct {
	Blocks []Block
	// Stop is why the model stops, in the words of its protocol; empty for
	// the end of the turn, or for the tools that the blocks call.
	Stop string
	// Fail, if set, makes the round fail.
	Fail *Failure
}

// Play is a round of these blocks.
func Play(blocks ...Block) Round { return Round{Blocks: blocks} }

// Block is one piece of the model's answer. One of Text, Thinking, Call and Do
// is set.
type Block struct {
	Text     string
	Thinking string
	// Call is a tool call in the agent's own words.
	Call *Call
	// Do is a tool call that each model server puts into its agent's words.
	Do *Do
	// Chunks is the number of deltas that the block is cut into; 0 means 3.
	// A block has no more chunks than it has characters.
	Chunks int
	// Delay passes before each chunk but the first.
	Delay time.Duration
	// Hold stops the stream after the block's first chunk until the test
	// calls Script.Release or the client goes away.
	Hold bool
}

// Say is a block of text.
func Say(text string) Block { return Block{Text: text} }

// Think is a block of reasoning.
func Think(text string) Block { return Block{Thinking: text} }

// Use is a call of the agent's own tool name.
func Use(name string, input any) Block { return Block{Call: &Call{Name: name, Input: input}} }

// Call is a tool call in an agent's own words. Input is encoded as JSON.
type Call struct {
	Name  string
	Input any
}

// Do is a tool call that says what shall happen, not how the agent calls it.
type Do struct {
	// Kind is execute, read, write, edit, fetch, ask, plan, todo, subagent or
	// mcp.
	Kind string
	// Command is what execute runs in a shell.
	Command string
	// Path is the file of read, write and edit, absolute when it is played.
	Path string
	// Content is what write puts into the file.
	Content string
	// Old becomes New in an edit.
	Old, New string
	// URL is the address of fetch.
	URL string
	// Text is the question of ask, the plan, or the subagent's prompt.
	Text string
	// Options are the answers that ask offers, at least two, or the entries
	// of a todo list; the first of those is under way.
	Options []string
	// Server and Tool name what mcp calls, with Input.
	Server, Tool string
	Input        any
}

// InDir returns the rounds with the paths of their tool calls put into dir.
func InDir(dir string, rounds []Round) []Round {
	placed := make([]Round, len(rounds))
	for i, r := range rounds {
		blocks := make([]Block, len(r.Blocks))
		for j, b := range r.Blocks {
			if b.Do != nil && b.Do.Path != "" && !filepath.IsAbs(b.Do.Path) {
				do := *b.Do
				do.Path = filepath.Join(dir, do.Path)
				b.Do = &do
			}
			blocks[j] = b
		}
		r.Blocks = blocks
		placed[i] = r
	}
	return placed
}

// Prefixed returns the rounds with the prefix before the names of the scripts
// that their subagents are asked for.
func Prefixed(prefix string, rounds []Round) []Round {
	begin, _, _ := strings.Cut(Marker("|"), "|")
	prefixed := make([]Round, len(rounds))
	for i, r := range rounds {
		r.Blocks = slices.Clone(r.Blocks)
		for j, b := range r.Blocks {
			if b.Do != nil {
				do := *b.Do
				do.Text = strings.ReplaceAll(do.Text, begin, begin+prefix)
				r.Blocks[j].Do = &do
			}
		}
		prefixed[i] = r
	}
	return prefixed
}

// Failure is how a round fails. With neither Cut nor InStream it is an HTTP
// answer with the status, and the round's blocks are not played.
type Failure struct {
	// Status is the HTTP status: 429 and 529 for limits, 401, 400, 404, 500.
	Status int
	// Type is the error's type; empty means the one that goes with Status.
	Type string
	// Message is the error's text; empty means a text that names the status.
	Message string
	// RetryAfter is sent as the header of that name, in whole seconds, if it
	// is not negative and Status is 429 or 529 or it is above 0.
	RetryAfter time.Duration
	// Times is how often the round fails in one conversation before it is
	// played well; 0 means always.
	Times int
	// Cut plays the blocks and then cuts the connection.
	Cut bool
	// InStream plays the blocks and then sends the error inside the stream.
	// The last block is left open, with Cut too. A request that wants no
	// stream is played well.
	InStream bool
}

// Script is a conversation's course: the rounds that answer a prompt. A prompt
// asks for it with Marker. Its methods are safe for concurrent use.
type Script struct {
	name   string
	rounds []Round

	held, released, aborted chan struct{}
	holdOnce, releaseOnce   sync.Once
	abortOnce               sync.Once

	mu sync.Mutex
	// failed counts failures by conversation and round.
	failed   map[failedRound]int
	requests []*Request
}

// failedRound is a round of one conversation.
type failedRound struct {
	conversation string
	round        int
}

func newScript(name string, rounds []Round) *Script {
	return &Script{
		name: name, rounds: rounds,
		held: make(chan struct{}), released: make(chan struct{}), aborted: make(chan struct{}),
		failed: map[failedRound]int{},
	}
}

// Marker is what a prompt contains to be answered by the script of that name.
// Later prompts of the conversation that name none go on with the same script.
func Marker(name string) string { return "[[script:" + name + "]]" }

// Marker is what a prompt contains to be answered by this script.
func (s *Script) Marker() string { return Marker(s.name) }

// Release lets the stream go on that waits at a Hold, and all later ones.
func (s *Script) Release() { s.releaseOnce.Do(func() { close(s.released) }) }

// Requests are those that this script answered, oldest first.
func (s *Script) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Request(nil), s.requests...)
}

// waitLimit is how long a test waits for something that must happen: on a busy
// machine an agent may take half of it to start.
const waitLimit = time.Minute

// Held is closed when a stream waits at a Hold.
func (s *Script) Held() <-chan struct{} { return s.held }

// WaitHeld returns when a stream waits at a Hold; it fails the test after
// a minute.
func (s *Script) WaitHeld(t T) {
	t.Helper()
	await(t, s.held, "the script "+s.name+" did not come to its hold")
}

// WaitAborted returns when the client has cut a request of this script, as an
// interrupted agent must; it fails the test after a minute.
func (s *Script) WaitAborted(t T) {
	t.Helper()
	await(t, s.aborted, "the agent did not abort its request to the script "+s.name)
}

// await waits for c to close.
func await(t T, c <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(waitLimit):
		t.Fatalf("%s", otherwise)
	case <-t.Context().Done():
		t.Fatalf("%s: %v", otherwise, context.Cause(t.Context()))
	}
}

// hold waits for Release. It tells whether the client is still there.
func (s *Script) hold(r *http.Request) bool {
	s.holdOnce.Do(func() { close(s.held) })
	select {
	case <-s.released:
		return true
	case <-r.Context().Done():
		return false
	}
}

// abort notes that a client went away.
func (s *Script) abort() { s.abortOnce.Do(func() { close(s.aborted) }) }

// fails returns the failure that is due in a conversation's round, or nil.
func (s *Script) fails(conversation string, round int) *Failure {
	f := s.rounds[round].Fail
	if f == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := failedRound{conversation, round}
	if f.Times > 0 && s.failed[key] >= f.Times {
		return nil
	}
	s.failed[key]++
	return f
}

// pieces cuts text into n pieces of whole characters.
func pieces(text string, n int) []string {
	if n == 0 {
		n = 3
	}
	characters := []rune(text)
	n = max(1, min(n, len(characters)))
	cut := make([]string, n)
	for i := range n {
		cut[i] = string(characters[i*len(characters)/n : (i+1)*len(characters)/n])
	}
	return cut
}

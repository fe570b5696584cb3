package agents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/towline-dev/towline/protocol"
)

// A batch of reports ends when this much was read, or when no whole line is
// left to read without waiting.
const (
	batchLines = 256
	batchBytes = 64 << 10
)

// StdioOptions says how to open a native session over stdio.
type StdioOptions struct {
	Process    ProcessOptions
	Translator Translator
	// AwaitReady makes OpenStdio wait for Output.Ready even if the translator
	// opens with no frame, for an agent that speaks first.
	AwaitReady bool
	// Version is the agent's version, for AgentStarted; may be empty.
	Version string
	// KeepRaw attaches the native frames to the reports.
	KeepRaw bool
	// MaxLine is the longest line that is read, in bytes; 0 means 8 MiB.
	MaxLine int
	// InterruptSignal goes to the process when an interrupt cannot be
	// written because the agent does not read; nil means SIGINT.
	InterruptSignal os.Signal
	// InterruptAfter is how long an interrupt waits for the pipe before the
	// signal is sent instead; 0 means 250 ms.
	InterruptAfter time.Duration
	// Ending are frames that Close writes first, such as an interrupt. A
	// translator that is an Ender makes them itself.
	Ending [][]byte
	// FramesOnly ends the opening at the first line that is no frame: a
	// program that does not speak the agent's protocol would be waited for in
	// vain.
	FramesOnly bool
	// Stop are the delays of Close.
	Stop StopOptions
}

// Stdio is a Conn over a process that speaks in lines of JSON.
//
// Recv reads the pipe itself, so a line costs no switch between goroutines.
// Commands and the translator's automatic answers are written by a goroutine
// of Stdio, so reading never waits for writing. Close waits for both.
type Stdio struct {
	o       StdioOptions
	process *Process
	input   *input
	lines   *LineReader
	serving sync.WaitGroup
	// broken stops the process once when the pipe cannot be used anymore.
	broken sync.Once

	// mu guards the translator and what follows.
	mu sync.Mutex
	// waiting are reports that Recv has not returned yet.
	waiting []Report
	ready   bool
	// stranger tells that a line was no frame where only frames may come.
	stranger bool
	// why says why the translator gave the process up; empty if it did not.
	why string

	// ended is used by Recv alone: AgentExited was returned.
	ended bool
}

var _ Conn = (*Stdio)(nil)

// OpenStdio starts the process, writes the translator's opening and waits
// until the agent is ready. Its errors are *protocol.Error agent_start_failed
// with what the agent wrote to standard error, or what ctx allowed no more.
// ctx bounds the opening only.
func OpenStdio(ctx context.Context, o StdioOptions) (*Stdio, error) {
	opening, err := joinFrames(o.Translator.Open())
	if err != nil {
		return nil, err
	}
	process, err := StartProcess(o.Process)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeAgentStartFailed,
			"the agent's executable cannot be started (%s); check its path and the session's directory", startReason(err))
	}
	s := &Stdio{o: o, process: process, lines: NewLineReader(process.stdout, o.MaxLine)}
	s.input = newInput(process.stdin, func() { s.broken.Do(process.kill) })
	s.waiting = []Report{{Events: []protocol.Data{&protocol.AgentStarted{PID: process.PID(), Version: o.Version}}}}
	s.serving.Go(s.input.serve)
	if len(opening) > 0 {
		_, _ = s.input.put(opening) // the queue is empty, so it takes anything
	} else {
		s.ready = !o.AwaitReady
	}
	if problem := s.awaitReady(ctx); problem != "" {
		s.o.Stop = neverReady
		_ = s.Close() // what it wrote to standard error is whole then
		s.process.stdout.close()
		return nil, s.startError(problem)
	}
	return s, nil
}

// awaitReady reads until the agent is ready. It returns why it will not be;
// empty once it is.
func (s *Stdio) awaitReady(ctx context.Context) (problem string) {
	defer context.AfterFunc(ctx, s.process.stdout.wake)()
	for {
		if s.isReady() {
			return ""
		}
		if s.isStranger() {
			return "the agent writes to its standard output what is no message of its protocol; check its command line"
		}
		if ctx.Err() != nil {
			return "the agent did not become ready in time"
		}
		batch, err := s.readBatch()
		s.mu.Lock()
		s.waiting = append(s.waiting, batch...)
		s.mu.Unlock()
		if err != nil && !errors.Is(err, errWoken) {
			exit := s.awaitExit()
			if why := s.givenUp(); why != "" {
				return why
			}
			return "the agent ended before it was ready (" + exit.String() + ")"
		}
	}
}

func (s *Stdio) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

func (s *Stdio) isStranger() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stranger
}

// neverReady stops an agent that has done nothing yet, so it need not be
// waited for.
var neverReady = StopOptions{TermAfter: 20 * time.Millisecond, KillAfter: 120 * time.Millisecond}

// startError is agent_start_failed with the gist of standard error.
func (s *Stdio) startError(what string) error {
	stderr := s.process.Stderr()
	message := what + "; see details.stderr, or run the agent by hand in the session's directory"
	if stderr == nil {
		message = what + " and wrote nothing to standard error; run it by hand in the session's directory to see why"
	} else if gist := lastLine(stderr); gist != "" {
		message = what + ": " + strings.ToValidUTF8(gist[:min(len(gist), sampleBytes)], "")
	}
	return protocol.Errorf(protocol.CodeAgentStartFailed, "%s", message).WithDetails(map[string]any{"stderr": stderr})
}

// startReason is the part of a start error that a client may see: no path.
func startReason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return "see the server's log"
}

// Recv returns the next reports: first AgentStarted, at the end one
// AgentExited, then io.EOF.
func (s *Stdio) Recv() ([]Report, error) {
	for {
		if s.ended {
			return nil, io.EOF
		}
		if batch := s.takeWaiting(nil); len(batch) > 0 {
			return batch, nil
		}
		batch, err := s.readBatch()
		if len(batch) > 0 {
			return batch, nil // an error comes again
		}
		if err != nil && !errors.Is(err, errWoken) {
			s.ended = true
			exit := s.awaitExit()
			last := Report{Events: []protocol.Data{&protocol.AgentExited{
				ExitCode: exit.Code, Signal: exit.Signal, Stderr: exit.Stderr, Message: s.givenUp(),
			}}}
			return append(s.takeWaiting(nil), last), nil
		}
	}
}

// readBatch reads a line and all that can be read without waiting.
func (s *Stdio) readBatch() ([]Report, error) {
	var batch []Report
	size := 0
	for {
		line, err := s.lines.Next()
		if err != nil {
			return batch, err
		}
		size += len(line.Bytes)
		s.mu.Lock()
		batch = s.takeWaitingLocked(batch)
		batch = append(batch, s.translateLocked(line))
		s.mu.Unlock()
		if len(batch) >= batchLines || size >= batchBytes || !s.lines.Buffered() {
			return batch, nil
		}
	}
}

// translateLocked turns one line into a report and sends the translator's own
// answers.
func (s *Stdio) translateLocked(line Line) Report {
	if line.Long != nil {
		return s.skippedLocked(line.Long)
	}
	if problem := notAFrame(line.Bytes); problem != "" {
		s.stranger = s.o.FramesOnly && !s.ready
		return s.withRaw(Report{Events: []protocol.Data{Unparsed(line.Bytes, problem)}}, line.Bytes)
	}
	return s.withRaw(s.takeLocked(s.o.Translator.Native(line.Bytes)), line.Bytes)
}

// takeLocked does what a frame led to, and returns its report.
func (s *Stdio) takeLocked(out Output) Report {
	s.ready = s.ready || out.Ready
	if len(out.Frames) > 0 {
		s.answer(out.Frames)
	}
	if out.Broken != "" {
		s.why = out.Broken
		s.broken.Do(s.process.kill)
	}
	return out.Report
}

// answer queues frames that the translator made by itself. If too many wait,
// the agent is deaf while it asks: it is stopped.
func (s *Stdio) answer(frames [][]byte) {
	data, err := joinFrames(frames)
	if err == nil {
		_, err = s.input.put(data)
	}
	if err != nil && protocol.CodeOf(err) != protocol.CodeAgentNotRunning {
		s.broken.Do(s.process.kill)
	}
}

// withRaw attaches the native frame if the session keeps them.
func (s *Stdio) withRaw(r Report, line []byte) Report {
	if !s.o.KeepRaw || len(r.Raw) > 0 {
		return r
	}
	if json.Valid(line) {
		r.Raw = append(json.RawMessage(nil), line...)
	} else {
		r.Raw, _ = json.Marshal(string(line)) // a string always encodes
	}
	return r
}

// takeWaiting returns batch with the reports that commands led to.
func (s *Stdio) takeWaiting(batch []Report) []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeWaitingLocked(batch)
}

func (s *Stdio) takeWaitingLocked(batch []Report) []Report {
	if len(s.waiting) > 0 {
		batch = append(batch, s.waiting...)
		s.waiting = nil
	}
	return batch
}

// awaitExit waits for the end of a process whose output has ended. One that
// closed its output and lives on can tell nothing more and is killed.
func (s *Stdio) awaitExit() Exit {
	if !waitUntil(s.process.Exited(), time.Now().Add(2*time.Second)) {
		s.process.kill()
	}
	return s.process.Wait()
}

// Send hands a command to the agent. Its errors are as Conn says: of a
// *protocol.Error nothing was delivered; after any other one the agent may have
// got a part, and its process is ended.
func (s *Stdio) Send(ctx context.Context, c Command) error {
	select {
	case <-s.process.Exited():
		return errNotRunning()
	default:
	}
	s.mu.Lock()
	delivery, err := s.commandLocked(c)
	s.mu.Unlock()
	if err != nil || delivery == nil {
		return err
	}
	if _, ok := c.(*Interrupt); ok {
		return s.interrupt(ctx, delivery)
	}
	err = s.input.await(ctx, delivery)
	if errors.Is(err, errStillBlocked) {
		return protocol.Errorf(protocol.CodeTimeout, "the agent does not read its input; interrupt it, or end the session")
	}
	return asDelivery(err)
}

// commandLocked translates a command and queues its frames. Reports of it go
// to Recv, which is woken for them.
func (s *Stdio) commandLocked(c Command) (*delivery, error) {
	out, err := s.o.Translator.Command(c)
	if err != nil {
		return nil, err
	}
	data, err := joinFrames(out.Frames)
	if err != nil {
		return nil, err
	}
	var d *delivery
	if len(data) > 0 {
		if d, err = s.input.put(data); err != nil {
			return nil, err
		}
	}
	if len(out.Events) > 0 || len(out.Raw) > 0 {
		s.waiting = append(s.waiting, out.Report)
		s.process.stdout.wake()
	}
	return d, nil
}

// asDelivery keeps a refusal as it is, and says of any other error that the
// delivery is unknown.
func asDelivery(err error) error {
	if _, refused := errors.AsType[*protocol.Error](err); err == nil || refused {
		return err
	}
	return fmt.Errorf("cannot tell whether the agent got the command: %w", err)
}

// interrupt delivers an interrupt, by signal if the pipe is blocked.
func (s *Stdio) interrupt(ctx context.Context, d *delivery) error {
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.o.InterruptAfter, 250*time.Millisecond))
	defer cancel()
	err := s.input.await(ctx, d)
	if !errors.Is(err, errStillBlocked) {
		return asDelivery(err)
	}
	var sig os.Signal = syscall.SIGINT
	if s.o.InterruptSignal != nil {
		sig = s.o.InterruptSignal
	}
	return s.process.Signal(sig)
}

// Signal sends a signal to the agent's process alone, for an agent that is
// interrupted so. It does nothing after the end.
func (s *Stdio) Signal(sig os.Signal) error { return s.process.Signal(sig) }

// Stderr returns what the process has written to its standard error so far.
func (s *Stdio) Stderr() *protocol.Stderr { return s.process.Stderr() }

// Tell calls f while no frame and no command is translated, and hands what it
// reports to Recv in this place. It is for what reaches a translator by another
// way than the pipe.
func (s *Stdio) Tell(f func() Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := f(); len(r.Events) > 0 {
		s.waiting = append(s.waiting, r)
		s.process.stdout.wake()
	}
}

// Close ends the native session: the ending frames, then stdin's end, SIGTERM,
// SIGKILL, sweep. Without options it takes 6 s at most.
func (s *Stdio) Close() error {
	if data, err := joinFrames(s.ending()); err == nil && len(data) > 0 {
		if d, err := s.input.put(data); err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
			_ = s.input.await(ctx, d)
			cancel()
		}
	}
	s.input.close()
	err := s.process.Stop(s.o.Stop)
	s.serving.Wait()
	return err
}

// ending are the frames that end the native session.
func (s *Stdio) ending() [][]byte {
	e, ok := s.o.Translator.(Ender)
	if !ok {
		return s.o.Ending
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.Ending()
}

// notAFrame tells why a line cannot be a frame; empty if it may be one. It
// only looks at what is cheap to see: the translator reads the JSON anyway.
func notAFrame(line []byte) string {
	switch {
	case !utf8.Valid(line):
		return "not valid UTF-8 text"
	case line[0] != '{' || line[len(line)-1] != '}':
		return "not a JSON object"
	default:
		return ""
	}
}

// Unparsed makes the event for a line of standard output that is not a frame
// the translator knows. Problem says why, without quoting the line.
func Unparsed(line []byte, problem string) *protocol.AgentUnparsed {
	sum := sha256.Sum256(line)
	return &protocol.AgentUnparsed{
		Error: problem, Location: "stdout", Sample: append([]byte(nil), line[:min(len(line), sampleBytes)]...),
		RawHash: hex.EncodeToString(sum[:]), Bytes: len(line),
	}
}

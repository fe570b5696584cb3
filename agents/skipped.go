package agents

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/towline-dev/towline/protocol"
)

// skippedLocked tells of a line that was too long, and what follows from it.
func (s *Stdio) skippedLocked(l *LongLine) Report {
	r := Report{Events: []protocol.Data{&protocol.AgentUnparsed{
		Error: fmt.Sprintf("a line of %d bytes is longer than the limit and was skipped", l.Bytes), Location: "stdout",
		Sample: l.Head, RawHash: hex.EncodeToString(l.SHA256[:]), Bytes: l.Bytes,
	}}}
	translator, ok := s.o.Translator.(Skipper)
	if !ok || len(l.Head) == 0 || l.Head[0] != '{' {
		s.stranger = s.o.FramesOnly && !s.ready
		return r
	}
	led := s.takeLocked(translator.Skipped(l.Head, l.Tail)).Events
	s.addLastWords(led)
	r.Events = append(r.Events, led...)
	return r
}

// addLastWords adds what the process wrote to standard error to the errors that
// say nothing but that.
func (s *Stdio) addLastWords(events []protocol.Data) {
	stderr := s.process.Stderr()
	if stderr == nil {
		return
	}
	details, _ := json.Marshal(map[string]any{"stderr": stderr}) // our own type always encodes
	for _, d := range events {
		switch d := d.(type) {
		case *protocol.ErrorEvent:
			if d.Details == nil {
				d.Details = details
			}
		case *protocol.TurnEnded:
			if d.Error != nil && d.Error.Details == nil {
				d.Error.Details = details
			}
		}
	}
}

// givenUp says why the translator gave the process up; empty if it did not.
func (s *Stdio) givenUp() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

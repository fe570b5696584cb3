package agenttest

import (
	"strconv"
	"sync"
)

// book is what every scripted model server keeps: the scripts, and the
// requests that came. The zero value is an empty one. Safe for concurrent use.
type book struct {
	mu       sync.Mutex
	scripts  map[string]*Script
	requests []*Request
}

// On registers the script that answers prompts with the marker of name. A
// script of the same name is replaced. A conversation that goes on beyond the
// rounds is answered with a text that says so.
func (b *book) On(name string, rounds ...Round) *Script {
	s := newScript(name, rounds)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scripts == nil {
		b.scripts = map[string]*Script{}
	}
	b.scripts[name] = s
	return s
}

// Requests are all requests so far, oldest first.
func (b *book) Requests() []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Request(nil), b.requests...)
}

// record keeps a request for the test.
func (b *book) record(r *Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	if s := b.scripts[r.Script]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r)
	}
}

// due finds the round that answers a request. The script is nil, and the
// round a text that says why, if there is none.
func (b *book) due(r *Request) (*Script, Round) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.scripts[r.Script]
	switch {
	case r.Script == "":
		return nil, Play(Say("This prompt names no script."))
	case s == nil:
		return nil, Play(Say("There is no script " + r.Script + "."))
	case r.Round >= len(s.rounds):
		return nil, Play(Say("The script " + r.Script + " has no round " + strconv.Itoa(r.Round) + "."))
	}
	return s, s.rounds[r.Round]
}

package session

import (
	"context"
	"errors"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// Errors of readers.
var (
	// ErrDeleted: the session was deleted.
	ErrDeleted = errors.New("the session was deleted")
	// ErrClosed: the manager was closed (server shutdown).
	ErrClosed = errors.New("the server is shutting down")
)

// Session is one loaded session. All methods may be called from any goroutine.
type Session struct{}

// ID returns the session's id.
func (s *Session) ID() string { panic("not built yet") }

// Info returns the session as REST shows it.
func (s *Session) Info() protocol.Session { panic("not built yet") }

// State returns the fold of the committed events.
func (s *Session) State() protocol.State { panic("not built yet") }

// Do runs one client command, once: the same id with the same content gives
// the stored result with Duplicate set, with other content
// idempotency_conflict. It takes every command but SessionCreate,
// SessionAttach, EventsRead and Ping. It returns after the fsync of what the
// command changed; refusals are in Result.Error. The error is ctx's only: then
// the command may or may not have run, and can be sent again.
func (s *Session) Do(ctx context.Context, f protocol.ClientFrame, by protocol.Actor) (protocol.Result, error) {
	panic("not built yet")
}

// Events returns up to limit committed events after, or before (newest last),
// for pages. raw adds native frames.
func (s *Session) Events(ctx context.Context, r protocol.EventsRead, raw bool) (EventsPage, error) {
	panic("not built yet")
}

// EventsPage is a page of encoded events.
type EventsPage struct {
	Block *Block // nil when there is none
	Last  uint64
	Head  uint64
	Epoch string
	More  bool
}

// Items returns folded items, the newest page first; before 0 means the end.
func (s *Session) Items(ctx context.Context, before uint64, limit int) (protocol.ItemPage, error) {
	panic("not built yet")
}

// Blob returns a blob of the session; not_found.
func (s *Session) Blob(ctx context.Context, id string) (store.Blob, error) { panic("not built yet") }

// AddBlob stores content that a later prompt may name by its blob id.
func (s *Session) AddBlob(ctx context.Context, mime string, content []byte) (protocol.Blob, error) {
	panic("not built yet")
}

// Read opens a reader at a cursor. epoch may be empty. A reader needs no
// closing: it holds nothing but its place.
func (s *Session) Read(at protocol.Cursor, epoch string, o ReadOptions) *Reader {
	panic("not built yet")
}

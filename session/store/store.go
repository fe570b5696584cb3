// Package store keeps sessions, their events and their commands on disk.
//
// Order: batches are committed in the order of the Commit calls, each whole or
// not at all. Within a session chunks follow each other without a hole.
//
// Concurrency: Commit is called by one goroutine at a time (the committer);
// everything else may be called from any goroutine at any time.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers tell apart. All others mean that the store failed.
var (
	// ErrNotFound: no such session, command or blob.
	ErrNotFound = errors.New("not found")
	// ErrExists: a session of that id exists.
	ErrExists = errors.New("exists")
	// ErrFull: no space left; nothing of the batch was kept, and a later
	// batch may succeed.
	ErrFull = errors.New("no space left for the store")
	// ErrCorrupt: a chunk's checksum does not fit its bytes.
	ErrCorrupt = errors.New("stored events are damaged")
	// ErrCursor: a filter's Before is no cursor of this store.
	ErrCursor = errors.New("no such page of sessions")
	// ErrLocked: another server uses the store.
	ErrLocked = errors.New("the store is in use by another server")
)

// Session is a session's row. Times are kept to the millisecond, in UTC.
type Session struct {
	ID        string
	CreatedAt time.Time
	UpdatedAt time.Time
	Agent     string
	Status    string
	Title     string
	// Epoch changes only if history could have been lost.
	Epoch string
	// Head is the last committed seq. Commit keeps it; writers leave it 0.
	Head uint64
	// Open tells that the session was not at rest: a turn, an ask or a queue
	// was open when the row was written. Such sessions need recovery.
	Open bool
	// Record is the session's own JSON: everything else that it remembers,
	// with the fold of its events up to RecordSeq.
	Record    []byte
	RecordSeq uint64
}

// Chunk is a run of events: Events is a JSON array text, exactly as it goes
// out in a frame. Raw, if not nil, is a JSON array of the same length with
// the native frame, or null, for each event.
type Chunk struct {
	SessionID string
	First     uint64
	Last      uint64
	Events    []byte
	Raw       []byte
}

// Command is what is remembered of a client's command, for idempotency.
type Command struct {
	SessionID string
	ID        string
	// Hash is the SHA-256 of the command's canonical JSON.
	Hash [32]byte
	// Result is the result frame's JSON.
	Result []byte
}

// Blob is content kept beside the events.
type Blob struct {
	SessionID string
	ID        string
	Mime      string
	SHA256    string
	Bytes     []byte
}

// Decision is a decision that is durable and not yet told by an event. A row
// is removed by Batch.Told in the batch that holds the event; rows that a
// crash left behind tell of decisions whose delivery is unknown.
type Decision struct {
	SessionID string
	// AskID is the permission's or question's id.
	AskID string
	// Record is the session's own JSON.
	Record []byte
}

// Batch is what one transaction writes. Rows of sessions that are gone are left
// out and fail nothing: a session may be deleted while its last events are on
// their way. Commands, blobs and decisions replace rows of the same id.
type Batch struct {
	// Create holds new sessions; ErrExists fails the batch.
	Create []Session
	// Update replaces rows by id; a row that is gone is skipped.
	Update    []Session
	Chunks    []Chunk
	Commands  []Command
	Blobs     []Blob
	Decisions []Decision
	// Told removes decisions, by session id and ask id.
	Told [][2]string
	// Durable asks for an fsync before Commit returns.
	Durable bool
}

// Filter selects sessions, newest first by creation.
type Filter struct {
	Agent  string
	Status string
	// Open, if true, selects only rows with Open.
	Open bool
	// Before is the page cursor: an opaque string from the page before.
	Before string
	Limit  int
}

// Store is implemented by each database driver; storetest is the suite that
// all of them pass.
type Store interface {
	// Commit writes a batch in one transaction. When it returns nil the batch
	// survives SIGKILL, and power loss too if Durable was set. A driver makes
	// sure that no more than 50 ms of commits are ever without an fsync.
	Commit(ctx context.Context, b *Batch) error
	// Session returns a row, or ErrNotFound.
	Session(ctx context.Context, id string) (Session, error)
	// Sessions returns a page and the next page's cursor, empty at the end;
	// limit 0 means 100, at most 1000. A row whose record is damaged comes
	// without it (Record nil); Session then says ErrCorrupt.
	Sessions(ctx context.Context, f Filter) ([]Session, string, error)
	// Chunks returns chunks that hold events after the seq, in order, up to
	// about maxBytes of events (at least one chunk if there is any). The
	// first chunk may begin at or before after. Empty means: nothing after.
	// If the log was trimmed, the first chunk begins later: the caller sees
	// the gap.
	Chunks(ctx context.Context, sessionID string, after uint64, maxBytes int, raw bool) ([]Chunk, error)
	// ChunksBefore is the same backwards: chunks that hold events before the
	// seq, the newest first.
	ChunksBefore(ctx context.Context, sessionID string, before uint64, maxBytes int, raw bool) ([]Chunk, error)
	// Command returns what is remembered of a command, or ErrNotFound.
	Command(ctx context.Context, sessionID, commandID string) (Command, error)
	// Decisions returns a session's decisions that no event told yet.
	Decisions(ctx context.Context, sessionID string) ([]Decision, error)
	// Blob returns a blob, or ErrNotFound.
	Blob(ctx context.Context, sessionID, blobID string) (Blob, error)
	// Compact joins a session's small chunks; it changes no event.
	Compact(ctx context.Context, sessionID string) error
	// Trim removes whole chunks that end before the seq.
	Trim(ctx context.Context, sessionID string, before uint64) error
	// Delete removes a session and everything of it, or returns ErrNotFound.
	Delete(ctx context.Context, sessionID string) error
	// Close syncs and closes.
	Close() error
}

package protocol

import "time"

// NativeSession is a session that an agent keeps by itself, such as one that a
// person began at a terminal. A new session goes on from it with resume.
type NativeSession struct {
	NativeSessionID string `json:"native_session_id"`
	Title           string `json:"title,omitempty"`
	// Directory is where the session works, as the agent tells it.
	Directory string     `json:"directory,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
}

// NativeSessions is what GET /v1/agents/{agent}/sessions returns, in the
// agent's order, which is mostly the newest first.
type NativeSessions struct {
	Sessions []NativeSession `json:"sessions"`
	// Truncated tells that the agent has more than are listed.
	Truncated bool `json:"truncated,omitempty"`
}

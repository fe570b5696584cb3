package protocol

// SubprotocolTerminal is the subprotocol of GET /v1/sessions/{id}/terminal:
// binary messages are raw bytes, text messages are one JSON TerminalFrame from
// the server or one TerminalControl from the client. docs/TERMINAL.md tells
// which fields go with which type.
const SubprotocolTerminal = "towline.terminal.v1"

// The limits of a terminal's size, in characters. The largest screen still
// fits into one message.
const (
	MinTerminalSize = 2
	MaxTerminalRows = 300
	MaxTerminalCols = 500
)

// The types of TerminalFrame.
const (
	TerminalHello   = "hello"
	TerminalGap     = "gap"
	TerminalSize    = "size"
	TerminalLease   = "lease"
	TerminalScreen  = "screen"
	TerminalRefused = "refused"
	TerminalExit    = "exit"
	TerminalGoodbye = "goodbye"
)

// TerminalFrame is a text message of the server.
type TerminalFrame struct {
	Type string `json:"type"`
	// Run names the life of the program that Offset counts in: hello, gap.
	Run string `json:"run,omitempty"`
	// Offset is where the next binary message begins, in bytes since the
	// program's start: hello, gap, screen.
	Offset int64 `json:"offset,omitempty"`
	// From is the first byte that is lost, and Offset the first that follows:
	// gap. Reason is history (too old), run (another life of the program) or
	// ahead (the program has not written so much); goodbye: why, in a sentence.
	From   int64  `json:"from,omitempty"`
	Reason string `json:"reason,omitempty"`

	// ClientID names the connection, as lease and refused frames do: hello.
	ClientID string   `json:"client_id,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
	// HistoryBytes is how much output can be replayed: hello.
	HistoryBytes int `json:"history_bytes,omitempty"`
	// PingIntervalMS is the time between the server's pings: hello.
	PingIntervalMS int `json:"ping_interval_ms,omitempty"`

	// Rows and Cols are the terminal's size: hello, size.
	Rows int `json:"rows,omitempty"`
	Cols int `json:"cols,omitempty"`
	// Lease says who types: hello, lease, refused.
	Lease *Lease `json:"lease,omitempty"`
	// Screen is what the terminal shows: hello, screen.
	Screen *Screen `json:"screen,omitempty"`

	// Code and Message say why something was refused: refused; goodbye has
	// Code and Reason. After is the offset to go on from: goodbye.
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	After   int64  `json:"after,omitempty"`
	RetryMS int    `json:"retry_ms,omitempty"`

	// ExitCode or Signal tells how the program ended: exit.
	ExitCode *int   `json:"exit_code,omitempty"`
	Signal   string `json:"signal,omitempty"`
}

// Lease is the right to type, which one client has at a time.
type Lease struct {
	// ClientID is the holder; empty if nobody holds it.
	ClientID string `json:"client_id,omitempty"`
	Subject  string `json:"subject,omitempty"`
	// TTLMS is how long it lasts after the holder's last key.
	TTLMS int `json:"ttl_ms"`
}

// Screen is what a terminal shows, as text.
type Screen struct {
	Rows int `json:"rows"`
	Cols int `json:"cols"`
	// Lines are the screen's lines from the top, without spaces at their ends
	// and without empty ones at the bottom.
	Lines []string `json:"lines"`
	// CursorRow and CursorCol count from 0.
	CursorRow     int    `json:"cursor_row"`
	CursorCol     int    `json:"cursor_col"`
	CursorVisible bool   `json:"cursor_visible"`
	Title         string `json:"title,omitempty"`
	// Confidence, from 0 to 1, is how likely the text is what a person would
	// see there: 0.9 as a rule, 0.1 after the emulator has failed at the
	// program's output, until the program draws anew.
	Confidence float64 `json:"confidence"`
}

// The types of TerminalControl.
const (
	ControlResize  = "resize"
	ControlTake    = "lease.take"
	ControlRelease = "lease.release"
	ControlScreen  = "screen"
)

// TerminalControl is a text message of a client.
type TerminalControl struct {
	// Type is resize (with Rows and Cols), lease.take, lease.release or screen.
	Type string `json:"type"`
	Rows int    `json:"rows,omitempty"`
	Cols int    `json:"cols,omitempty"`
}

// Validate refuses what no terminal can do, with invalid_request or
// unknown_type.
func (c TerminalControl) Validate() error {
	switch c.Type {
	case ControlResize:
		return CheckTerminalSize(c.Rows, c.Cols)
	case ControlTake, ControlRelease, ControlScreen:
		return nil
	default:
		return Errorf(CodeUnknownType, "a terminal does not take this type of message; send %s, %s, %s or %s",
			ControlResize, ControlTake, ControlRelease, ControlScreen)
	}
}

// CheckTerminalSize refuses a size that no terminal has.
func CheckTerminalSize(rows, cols int) error {
	if rows < MinTerminalSize || rows > MaxTerminalRows || cols < MinTerminalSize || cols > MaxTerminalCols {
		return Errorf(CodeInvalidRequest, "the terminal's size is out of range; send rows from %d to %d and cols from %d to %d",
			MinTerminalSize, MaxTerminalRows, MinTerminalSize, MaxTerminalCols)
	}
	return nil
}

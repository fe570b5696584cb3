package ws

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// Options configures a Server. Manager and Token are needed; every other zero
// value is usable.
type Options struct {
	// Manager owns the sessions that the server shows.
	Manager *session.Manager
	// Token is the secret that opens everything; its owner keeps it at 128
	// bits or more.
	Token []byte
	// AllowHosts are Host names accepted beside localhost, 127.0.0.1 and
	// [::1]. The name * accepts all, and counts only with TrustProxy.
	AllowHosts []string
	// AllowOrigins are web origins (scheme://host:port) whose pages may use
	// the server, beside the server's own.
	AllowOrigins []string
	// TrustProxy takes a client's address from X-Forwarded-For.
	TrustProxy bool
	// Version is the server's version, for hello.
	Version string
	Log     zerolog.Logger
	// Install installs an agent; nil uses the agent's own installer.
	Install func(ctx context.Context, agent string, progress func(protocol.InstallProgress)) error
	// Compression lets sockets negotiate permessage-deflate. It is never
	// used with context takeover, which costs over 1 MiB per socket.
	Compression bool
	Limits      Limits
	Timeouts    Timeouts
}

// Limits bounds what clients may use; a zero field takes the default.
type Limits struct {
	// Sockets counts WebSockets and event streams of the whole server; 10,000.
	Sockets int
	// SocketsPerSession counts them per session; 256.
	SocketsPerSession int
	// SocketsPerSecond is how many an address may open per second, with a
	// burst of twice as many; 50.
	SocketsPerSecond int
	// CommandsPerSecond is how many commands that change something a socket
	// may send per second, with a burst of twice as many; 20.
	CommandsPerSecond int
	// FramesPerSecond is the same for frames of any kind; 200.
	FramesPerSecond int
	// Refusals is how many rate-limited frames a socket may send before it
	// is closed; 100.
	Refusals int
	// ControlPerSecond is how many pings and pongs a socket may send per
	// second; 10.
	ControlPerSecond int
	// FrameBytes bounds an inbound message; 1 MiB.
	FrameBytes int
	// UploadBytes bounds an uploaded blob; 32 MiB.
	UploadBytes int
}

// Timeouts are the server's deadlines; a zero field takes the default.
type Timeouts struct {
	// Header bounds the time to receive a request's header; 5 s.
	Header time.Duration
	// Request bounds reading a body and writing a plain answer; 60 s.
	Request time.Duration
	// Ping is the time between pings on a socket; 25 s.
	Ping time.Duration
	// Pong is how long a pong may take; 10 s.
	Pong time.Duration
	// Write bounds one write to a socket or stream; 10 s.
	Write time.Duration
	// Message bounds the assembly of one inbound message; 30 s.
	Message time.Duration
	// Close bounds the whole close of a socket; 5 s.
	Close time.Duration
	// Comment is the time between comments on an idle event stream; 15 s.
	Comment time.Duration
	// Attach bounds the wait for the first frame of a socket that has no
	// session yet; 30 s.
	Attach time.Duration
}

// or returns v, or the default if v is zero.
func or[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// withDefaults fills in the zero fields.
func (l Limits) withDefaults() Limits {
	return Limits{
		Sockets:           or(l.Sockets, 10_000),
		SocketsPerSession: or(l.SocketsPerSession, 256),
		SocketsPerSecond:  or(l.SocketsPerSecond, 50),
		CommandsPerSecond: or(l.CommandsPerSecond, 20),
		FramesPerSecond:   or(l.FramesPerSecond, 200),
		Refusals:          or(l.Refusals, 100),
		ControlPerSecond:  or(l.ControlPerSecond, 10),
		FrameBytes:        or(l.FrameBytes, 1<<20),
		UploadBytes:       or(l.UploadBytes, 32<<20),
	}
}

// withDefaults fills in the zero fields.
func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Header:  or(t.Header, 5*time.Second),
		Request: or(t.Request, time.Minute),
		Ping:    or(t.Ping, 25*time.Second),
		Pong:    or(t.Pong, 10*time.Second),
		Write:   or(t.Write, 10*time.Second),
		Message: or(t.Message, 30*time.Second),
		Close:   or(t.Close, 5*time.Second),
		Comment: or(t.Comment, 15*time.Second),
		Attach:  or(t.Attach, 30*time.Second),
	}
}

package ws

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	ticketTTL    = 30 * time.Second
	maxTicketTTL = 300 * time.Second
	// maxTickets bounds the memory of tickets that nobody uses.
	maxTickets = 10_000
)

// tickets holds the tickets that are not used yet, by the SHA-256 of their
// text, so that memory shows no usable secret.
type tickets struct {
	mu   sync.Mutex
	open map[[sha256.Size]byte]ticket
}

// ticket is a right that opens one socket or one GET.
type ticket struct {
	principal principal
	// expires carries a monotonic reading, so clock jumps do not matter.
	expires time.Time
}

func newTickets() *tickets { return &tickets{open: make(map[[sha256.Size]byte]ticket)} }

// issue makes a ticket for p.
func (t *tickets) issue(p principal, ttl time.Duration) (string, time.Time, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails since Go 1.24
	text := base64.RawURLEncoding.EncodeToString(secret[:])
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) >= maxTickets {
		t.pruneLocked(now)
	}
	if len(t.open) >= maxTickets {
		return "", time.Time{}, protocol.Errorf(protocol.CodeRateLimited, "too many tickets are unused; use them or wait until they expire")
	}
	expires := now.Add(ttl)
	t.open[sha256.Sum256([]byte(text))] = ticket{principal: p, expires: expires}
	return text, expires, nil
}

// take uses a ticket up; it works once.
func (t *tickets) take(text string) (principal, bool) {
	key := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.open[key]
	delete(t.open, key)
	if !ok || !time.Now().Before(k.expires) {
		return principal{}, false
	}
	return k.principal, true
}

// pruneLocked drops expired tickets.
func (t *tickets) pruneLocked(now time.Time) {
	for key, k := range t.open {
		if !now.Before(k.expires) {
			delete(t.open, key)
		}
	}
}

// ticketRequest is the body of POST /v1/tickets.
type ticketRequest struct {
	// SessionID binds the ticket to one session; empty leaves it free.
	SessionID string  `json:"session_id"`
	Scopes    []scope `json:"scopes"`
	// TTLSeconds is 1 to 300; 0 means 30.
	TTLSeconds int `json:"ttl_s"`
}

// ticketAnswer is what POST /v1/tickets returns.
type ticketAnswer struct {
	Ticket    string        `json:"ticket"`
	ExpiresAt protocol.Time `json:"expires_at"`
}

// issueTicket serves POST /v1/tickets.
func (s *Server) issueTicket(w http.ResponseWriter, r *http.Request) error {
	var req ticketRequest
	if err := s.readJSON(w, r, &req); err != nil {
		return err
	}
	ttl := time.Duration(req.TTLSeconds) * time.Second
	if ttl == 0 {
		ttl = ticketTTL
	}
	if ttl < 0 || ttl > maxTicketTTL {
		return protocol.Errorf(protocol.CodeInvalidRequest, "ttl_s is out of range; send 1 to 300 seconds")
	}
	if len(req.Scopes) == 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "scopes is empty; name what the ticket may do, such as [\"read\"]")
	}
	for _, sc := range req.Scopes {
		if !slices.Contains(allScopes, sc) {
			return protocol.Errorf(protocol.CodeInvalidRequest, "scopes holds an unknown one; the scopes are %v", allScopes)
		}
	}
	if req.SessionID != "" {
		if _, err := s.manager.Get(r.Context(), req.SessionID); err != nil {
			return err
		}
	}
	text, expires, err := s.auth.tickets.issue(principal{subject: "ticket", scopes: req.Scopes, session: req.SessionID}, ttl)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, "application/json", ticketAnswer{Ticket: text, ExpiresAt: protocol.At(expires)})
	return nil
}

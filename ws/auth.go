package ws

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// bearerProtocol begins the subprotocol that carries a token, for clients that
// cannot set headers. It is never echoed back.
const bearerProtocol = "bearer."

// authenticator turns credentials into principals.
type authenticator struct {
	// sum is the token's SHA-256: comparing sums takes the same time for
	// every wrong token, whatever its length.
	sum     [sha256.Size]byte
	tickets *tickets
	guesses *guesses
}

// newAuthenticator returns an authenticator for the token.
func newAuthenticator(token []byte) *authenticator {
	return &authenticator{sum: sha256.Sum256(token), tickets: newTickets(), guesses: newGuesses()}
}

// authenticate returns who sent the request from the address. A ticket is used
// up by it.
func (a *authenticator) authenticate(r *http.Request, addr string) (principal, error) {
	if err := a.guesses.check(addr); err != nil {
		return principal{}, err
	}
	q := r.URL.Query()
	if q.Has("token") {
		return principal{}, protocol.Errorf(protocol.CodeInvalidRequest,
			"a token in the URL ends up in logs; send it as Authorization: Bearer, or get a ticket from POST /v1/tickets")
	}
	if ticket := q.Get("ticket"); ticket != "" {
		return a.byTicket(r, ticket, addr)
	}
	token, found := bearerToken(r)
	if !found {
		return principal{}, protocol.Errorf(protocol.CodeUnauthorized, "send the server's token as Authorization: Bearer")
	}
	sum := sha256.Sum256([]byte(token))
	if token == "" || subtle.ConstantTimeCompare(sum[:], a.sum[:]) != 1 {
		a.guesses.failed(addr)
		return principal{}, protocol.Errorf(protocol.CodeUnauthorized, "this token is not the server's; look it up in the server's token file")
	}
	return principal{subject: "token", scopes: allScopes}, nil
}

// byTicket spends a ticket. Tickets open one socket or one GET, nothing else.
func (a *authenticator) byTicket(r *http.Request, ticket, addr string) (principal, error) {
	if r.Method != http.MethodGet {
		return principal{}, protocol.Errorf(protocol.CodeForbidden, "a ticket opens one socket or one GET; send a token for this")
	}
	p, ok := a.tickets.take(ticket)
	if !ok {
		a.guesses.failed(addr)
		return principal{}, protocol.Errorf(protocol.CodeUnauthorized, "this ticket is unknown, used or expired; get a new one from POST /v1/tickets")
	}
	return p, nil
}

// bearerToken returns the token of the Authorization header, else of the
// subprotocols.
func bearerToken(r *http.Request) (string, bool) {
	if h := r.Header.Get("Authorization"); h != "" {
		kind, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(kind, "Bearer") {
			return "", true
		}
		return strings.TrimSpace(token), true
	}
	for _, p := range subprotocols(r) {
		encoded, ok := strings.CutPrefix(p, bearerProtocol)
		if !ok {
			continue
		}
		token, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil {
			return "", true
		}
		return string(token), true
	}
	return "", false
}

// subprotocols returns what Sec-WebSocket-Protocol offers, in order.
func subprotocols(r *http.Request) []string {
	var list []string
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			if p = strings.TrimSpace(p); p != "" {
				list = append(list, p)
			}
		}
	}
	return list
}

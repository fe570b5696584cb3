package ws

import (
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// scope is one right of a credential.
type scope string

// The scopes.
const (
	// scopeRead sees sessions and their events.
	scopeRead scope = "read"
	// scopePrompt sends and withdraws prompts, interrupts, uploads blobs.
	scopePrompt scope = "prompt"
	// scopeDecide answers permissions and questions.
	scopeDecide scope = "decide"
	// scopeConfigure changes and ends a session.
	scopeConfigure scope = "configure"
	// scopeFiles reads and writes files.
	scopeFiles scope = "files"
	// scopeAdmin makes, forks and deletes sessions, installs agents and
	// issues tickets.
	scopeAdmin scope = "admin"
)

// allScopes is what the server's token may do.
var allScopes = []scope{scopeRead, scopePrompt, scopeDecide, scopeConfigure, scopeFiles, scopeAdmin}

// frameScopes holds the scope that each client frame needs. It is checked for
// every message, not once per connection.
var frameScopes = map[protocol.FrameType]scope{
	protocol.FramePrompt:           scopePrompt,
	protocol.FramePromptWithdraw:   scopePrompt,
	protocol.FrameTurnInterrupt:    scopePrompt,
	protocol.FramePermissionDecide: scopeDecide,
	protocol.FrameQuestionAnswer:   scopeDecide,
	protocol.FrameQuestionReject:   scopeDecide,
	protocol.FrameSessionConfigure: scopeConfigure,
	protocol.FrameSessionEnd:       scopeConfigure,
	protocol.FrameSessionCreate:    scopeAdmin,
	protocol.FrameSessionAttach:    scopeRead,
	protocol.FrameEventsRead:       scopeRead,
	protocol.FramePing:             scopeRead,
}

// principal is who a request or socket acts for.
type principal struct {
	// subject is token or ticket; events show it beside decisions.
	subject string
	scopes  []scope
	// session, if not empty, is the only session that may be touched.
	session string
}

// may returns nil if the principal has the scope, else forbidden.
func (p principal) may(s scope) error {
	if slices.Contains(p.scopes, s) {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "this credential lacks the scope %q; use one that has it", s)
}

// mayTouch returns nil if the principal may use the session, else forbidden.
// The empty id stands for all sessions.
func (p principal) mayTouch(session string) error {
	if p.session == "" || p.session == session {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "this ticket is for another session; ask for one for this session")
}

// scopeNames returns the scopes for hello.
func (p principal) scopeNames() []string {
	names := make([]string, len(p.scopes))
	for i, s := range p.scopes {
		names[i] = string(s)
	}
	return names
}

// actor is the principal as events show it.
func (p principal) actor(clientID string) protocol.Actor {
	return protocol.Actor{Kind: "client", ClientID: clientID, Subject: p.subject}
}

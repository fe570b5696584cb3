package ws

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session"
)

// terminalPlace is what a terminal's socket shows, and from where.
type terminalPlace struct {
	live   agents.Terminal
	cursor agents.TerminalCursor
	// gap is told before everything else; its type is empty if there is none.
	gap protocol.TerminalFrame
}

// terminalQuery is how a client asks for a terminal.
type terminalQuery struct {
	// run is the life of the program that after counts in; empty for any.
	run   string
	after int64
	head  bool
	// rows and cols are 0 if the client has no size.
	rows, cols int
}

// openTerminal serves GET /v1/sessions/{id}/terminal: a socket, or the screen
// for who asks for no socket. All refusals come before the upgrade. A client
// that may type starts the program if it does not run.
func (s *Server) openTerminal(w http.ResponseWriter, r *http.Request) error {
	if s.isDraining() {
		return errDraining()
	}
	if !isUpgrade(r) {
		return s.showTerminal(w, r)
	}
	c, err := negotiateTerminal(r)
	if err != nil {
		return err
	}
	q, err := parseTerminalQuery(r)
	if err != nil {
		return err
	}
	if err := s.admission.enter(s.address(r)); err != nil {
		return err
	}
	k := s.newSocket(r, c, subscription{sessionID: pathVar(r, "id")})
	if err := k.findTerminal(r, q); err != nil {
		k.release()
		return err
	}
	s.upgrade(w, r, k)
	return nil
}

// showTerminal answers with what the terminal shows. It starts nothing.
func (s *Server) showTerminal(w http.ResponseWriter, r *http.Request) error {
	found, err := s.manager.Get(r.Context(), pathVar(r, "id"))
	if err != nil {
		return err
	}
	live, err := found.Terminal(r.Context(), session.TerminalRequest{})
	if err != nil {
		return err
	}
	at := live.Snapshot()
	writeOK(w, protocol.TerminalFrame{
		Type: protocol.TerminalScreen, Run: live.Run(), Offset: at.Offset, HistoryBytes: at.HistoryBytes,
		Rows: at.Rows, Cols: at.Cols, Lease: &at.Lease, Screen: &at.Screen,
	})
	return nil
}

// findTerminal attaches the socket to its session's terminal.
func (k *socket) findTerminal(r *http.Request, q terminalQuery) error {
	found, err := k.server.manager.Get(r.Context(), k.start.sessionID)
	if err != nil {
		return err
	}
	if err := k.server.admission.join(found.ID()); err != nil {
		return err
	}
	k.session = found // release gives the place back from here on
	mayType := k.principal.may(scopePrompt) == nil
	live, err := found.Terminal(r.Context(), session.TerminalRequest{Run: q.run, Start: mayType})
	if err != nil {
		return err
	}
	if q.rows != 0 && mayType {
		_ = live.Resize(k.principal.actor(k.clientID), q.rows, q.cols) // hello tells the size that it has
	}
	k.terminal = q.place(live)
	return nil
}

// place finds where the query's cursor stands in a terminal.
func (q terminalQuery) place(live agents.Terminal) *terminalPlace {
	at := live.Snapshot()
	p := &terminalPlace{live: live}
	gap := func(from, to int64, reason string) {
		p.gap = protocol.TerminalFrame{Type: protocol.TerminalGap, Run: live.Run(), From: from, Offset: to, Reason: reason}
		p.cursor.Offset = to
	}
	p.cursor.Offset = q.after
	switch {
	case q.head:
		p.cursor.Offset = at.Offset
	case q.run != "" && q.run != live.Run():
		gap(q.after, at.Oldest, "run")
	case q.after > at.Offset:
		gap(q.after, at.Offset, "ahead")
	case q.after < at.Oldest:
		gap(q.after, at.Oldest, "history")
	}
	return p
}

// negotiateTerminal picks the subprotocol: ours, or none if none was offered.
func negotiateTerminal(r *http.Request) (codec, error) {
	c := codec{format: protocol.FormatJSON, message: websocket.MessageText}
	offers := slices.DeleteFunc(subprotocols(r), func(p string) bool { return strings.HasPrefix(p, bearerProtocol) })
	if slices.ContainsFunc(offers, func(p string) bool { return strings.EqualFold(p, protocol.SubprotocolTerminal) }) {
		c.subprotocol = protocol.SubprotocolTerminal
		return c, nil
	}
	if len(offers) > 0 {
		return c, protocol.Errorf(protocol.CodeInvalidRequest, "none of the offered subprotocols is known here; offer %s", protocol.SubprotocolTerminal)
	}
	return c, nil
}

// parseTerminalQuery reads run, after, rows and cols.
func parseTerminalQuery(r *http.Request) (terminalQuery, error) {
	values := r.URL.Query()
	q := terminalQuery{run: values.Get("run")}
	if after := values.Get("after"); after == "head" {
		q.head = true
	} else if after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 0 {
			return q, protocol.Errorf(protocol.CodeInvalidCursor, "after is no offset; send the number of bytes that you have of this run, or head")
		}
		q.after = n
	}
	if !values.Has("rows") && !values.Has("cols") {
		return q, nil
	}
	var err [2]error
	q.rows, err[0] = strconv.Atoi(values.Get("rows"))
	q.cols, err[1] = strconv.Atoi(values.Get("cols"))
	if err[0] != nil || err[1] != nil {
		q.rows, q.cols = 0, 0
	}
	return q, protocol.CheckTerminalSize(q.rows, q.cols)
}

// sendTerminalFrame writes one text message.
func (k *socket) sendTerminalFrame(f protocol.TerminalFrame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return k.write(b)
}

// terminalHello is the first message of a terminal's socket.
func (k *socket) terminalHello() protocol.TerminalFrame {
	at := k.terminal.live.Snapshot()
	k.terminal.cursor.Version = at.Version
	return protocol.TerminalFrame{
		Type: protocol.TerminalHello, Run: k.terminal.live.Run(), Offset: k.terminal.cursor.Offset,
		ClientID: k.clientID, Scopes: k.principal.scopeNames(), HistoryBytes: at.HistoryBytes,
		PingIntervalMS: int(k.server.timeouts.Ping.Milliseconds()),
		Rows:           at.Rows, Cols: at.Cols, Lease: &at.Lease, Screen: &at.Screen,
	}
}

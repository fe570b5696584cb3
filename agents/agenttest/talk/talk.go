// Package talk leads a conversation with an agent in a test, without a session
// around it, and looks for texts in what came of it. It is test support.
package talk

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/protocol"
)

// Until reads reports until an event of that type came, and returns all events.
func Until(t testing.TB, conn agents.Conn, last protocol.EventType) []protocol.Data {
	t.Helper()
	return Watch(t, conn, last, nil)
}

// Watch is Until; see, if it is not nil, hears of each event.
func Watch(t testing.TB, conn agents.Conn, last protocol.EventType, see func(protocol.Data)) []protocol.Data {
	t.Helper()
	var events []protocol.Data
	for found := false; !found; {
		reports, err := conn.Recv()
		if err != nil {
			t.Fatalf("no %s in\n%s%v", last, captures.NDJSON(t, events), err)
		}
		for _, r := range reports {
			for _, d := range r.Events {
				events = append(events, d)
				if see != nil {
					see(d)
				}
				found = found || d.EventType() == last
			}
		}
	}
	return events
}

// Finish closes the connection and reads it to its end.
func Finish(t testing.TB, conn agents.Conn) {
	t.Helper()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	for {
		if _, err := conn.Recv(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return
		}
	}
}

// InOrder ends the test if a text lacks one of the parts, in that order.
func InOrder(t testing.TB, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		i := strings.Index(rest, p)
		if i < 0 {
			t.Fatalf("no %s (in its place) in:\n%s", p, text)
		}
		rest = rest[i+len(p):]
	}
}

// Holds fails the test if a text lacks one of the parts.
func Holds(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %s in:\n%s", p, text)
		}
	}
}

// HoldsNone fails the test if a text has one of the parts.
func HoldsNone(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%s in:\n%s", p, text)
		}
	}
}

// Fits ends the test if the events lack one of those that a scenario wants, in
// their order. Those of the types in session only a session reports.
func Fits(t testing.TB, s agenttest.Scenario, events []protocol.Data, session []protocol.EventType) {
	t.Helper()
	at := 0
	for _, w := range s.Wants {
		if slices.Contains(session, w.Type) {
			continue
		}
		found := false
		for !found && at < len(events) {
			data, err := json.Marshal(events[at])
			if err != nil {
				t.Fatal(err)
			}
			found = w.Fits(events[at].EventType(), data)
			at++
		}
		if !found {
			t.Fatalf("no %s, in its place, in:\n%s", w, captures.NDJSON(t, events))
		}
	}
}

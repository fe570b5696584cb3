package mock

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// session is an open connection with what it has reported.
type session struct {
	t    *testing.T
	conn agents.Conn
	// waiting are reports that Recv gave and next did not hand out yet.
	waiting []protocol.Data
	prompts int
}

// open opens a native session and closes it at the end of the test.
func open(t *testing.T, a *Agent, start agents.Start) *session {
	t.Helper()
	if start.SessionID == "" {
		start.SessionID = "s1"
	}
	start.Directory = "/work"
	conn, err := a.Open(t.Context(), start)
	if err != nil {
		t.Fatalf("cannot open: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("cannot close: %v", err)
		}
	})
	return &session{t: t, conn: conn}
}

// next returns the next event, or nil at the end.
func (s *session) next() protocol.Data {
	s.t.Helper()
	for len(s.waiting) == 0 {
		reports, err := s.conn.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.t.Fatalf("cannot receive: %v", err)
		}
		for _, r := range reports {
			s.waiting = append(s.waiting, r.Events...)
		}
	}
	d := s.waiting[0]
	s.waiting = s.waiting[1:]
	return d
}

// until returns the events up to and including one of type t.
func (s *session) until(types ...protocol.EventType) []protocol.Data {
	s.t.Helper()
	var seen []protocol.Data
	for {
		d := s.next()
		if d == nil {
			s.t.Fatalf("the connection ended before any of %v; events: %v", types, typesOf(seen))
		}
		seen = append(seen, d)
		if slices.Contains(types, d.EventType()) {
			return seen
		}
	}
}

func (s *session) send(c agents.Command) {
	s.t.Helper()
	if err := s.conn.Send(s.t.Context(), c); err != nil {
		s.t.Fatalf("cannot send %T: %v", c, err)
	}
}

func (s *session) prompt(text string) {
	s.t.Helper()
	s.prompts++
	s.send(prompt(s.prompts, text))
}

func prompt(n int, text string) *agents.Prompt {
	return &agents.Prompt{PromptID: "m" + string(rune('0'+n)), Content: []agents.Content{{Part: protocol.TextPart(text)}}}
}

// turn plays a whole turn; answer gives the command for each ask.
func (s *session) turn(text string, answer func(protocol.Data) agents.Command) []protocol.Data {
	s.t.Helper()
	s.prompt(text)
	var all []protocol.Data
	for {
		all = append(all, s.until(protocol.TypeTurnEnded, protocol.TypeAgentExited, protocol.TypePermissionRequested, protocol.TypeQuestionRequested)...)
		last := all[len(all)-1]
		switch last.(type) {
		case *protocol.PermissionRequested, *protocol.QuestionRequested:
			s.send(answer(last))
		default:
			return all
		}
	}
}

// consent allows every permission once and answers every question.
func consent(d protocol.Data) agents.Command {
	if p, ok := d.(*protocol.PermissionRequested); ok {
		return &agents.Decide{PermissionID: p.Permission.PermissionID, Option: p.Permission.Options[0]}
	}
	q := d.(*protocol.QuestionRequested).Question
	return &agents.Answer{QuestionID: q.QuestionID, Answers: [][]string{{"Blue"}, {"Cheese", "Onions"}, {"Margherita"}}}
}

func typesOf(events []protocol.Data) []protocol.EventType {
	var types []protocol.EventType
	for _, d := range events {
		types = append(types, d.EventType())
	}
	return types
}

// find returns the events of one type.
func find[T protocol.Data](events []protocol.Data) []T {
	var found []T
	for _, d := range events {
		if v, ok := d.(T); ok {
			found = append(found, v)
		}
	}
	return found
}

// completed returns the items that were completed.
func completed(events []protocol.Data) []protocol.Item {
	var items []protocol.Item
	for _, c := range find[*protocol.ItemCompleted](events) {
		items = append(items, c.Item)
	}
	return items
}

// said joins the texts of the completed messages.
func said(events []protocol.Data) string {
	var texts []string
	for _, item := range completed(events) {
		for _, p := range item.Content {
			if item.Kind == protocol.KindMessage {
				texts = append(texts, p.Text)
			}
		}
	}
	return strings.Join(texts, "\n")
}

func outcome(t *testing.T, events []protocol.Data) *protocol.TurnEnded {
	t.Helper()
	ends := find[*protocol.TurnEnded](events)
	if len(ends) != 1 {
		t.Fatalf("want one turn.ended, got %d in %v", len(ends), typesOf(events))
	}
	return ends[0]
}

// checkItems fails unless every started item completes once and its deltas are
// its text.
func checkItems(t *testing.T, events []protocol.Data) {
	t.Helper()
	open, deltas := map[string]bool{}, map[string]string{}
	for _, d := range events {
		switch d := d.(type) {
		case *protocol.ItemStarted:
			open[d.Item.ID] = true
		case *protocol.ItemDelta:
			if !open[d.ItemID] {
				t.Errorf("a delta for %s, which is not open", d.ItemID)
			}
			deltas[d.ItemID] += d.Text
		case *protocol.ItemCompleted:
			if !open[d.Item.ID] {
				t.Errorf("%s completed, but is not open", d.Item.ID)
			}
			delete(open, d.Item.ID)
			if sum, ok := deltas[d.Item.ID]; ok && sum != d.Item.Content[0].Text+d.Item.Content[0].Output {
				t.Errorf("%s: the deltas %q are not its content %+v", d.Item.ID, sum, d.Item.Content[0])
			}
		}
	}
	if len(open) > 0 {
		t.Errorf("items were left open: %v", open)
	}
}

func TestEveryListedCommandWorks(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, New(Options{}), agents.Start{})
				events := s.turn(c.name, consent)
				want := protocol.OutcomeCompleted
				switch c.name {
				case "error":
					want = protocol.OutcomeFailed
				case "crash":
					if e := find[*protocol.AgentExited](events); len(e) != 1 || *e[0].ExitCode != 1 {
						t.Errorf("want an exit with code 1, got %v", typesOf(events))
					}
					return
				}
				if got := outcome(t, events).Outcome; got != want {
					t.Errorf("outcome %s, want %s", got, want)
				}
				checkItems(t, events)
				if len(completed(events)) == 0 {
					t.Error("the command showed no item")
				}
			})
		})
	}
}

func TestHelpListsEveryCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, New(Options{}), agents.Start{})
		events := s.turn("/help", nil)
		for _, c := range commands() {
			if !strings.Contains(said(events), "- `"+c.name) {
				t.Errorf("help does not list %s", c.name)
			}
		}
		if n := len(find[*protocol.CommandsUpdated](events)[0].Commands); n != len(commands()) {
			t.Errorf("the opening lists %d commands, want %d", n, len(commands()))
		}
	})
}

func TestOpeningTellsTheNativeSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, New(Options{}), agents.Start{Model: "mock-2"})
		opening := s.until(protocol.TypeSessionStarted)
		want := &protocol.SessionStarted{
			Agent: "mock", AgentVersion: Version, NativeSessionID: "mock-s1", Directory: "/work", Model: "mock-2", Mode: "build",
		}
		if d := cmp.Diff(want, opening[1]); d != "" {
			t.Errorf("session.started (-want +got):\n%s", d)
		}
	})
}

func TestScripts(t *testing.T) {
	tests := []struct {
		prompt string
		check  func(t *testing.T, events []protocol.Data)
	}{
		{"good morning", func(t *testing.T, events []protocol.Data) {
			if !strings.HasPrefix(said(events), "You said: good morning\n") {
				t.Errorf("said %q", said(events))
			}
		}},
		{"echo one two", func(t *testing.T, events []protocol.Data) {
			deltas := find[*protocol.ItemDelta](events)
			if len(deltas) != 2 || deltas[0].Text != "one " || deltas[1].Text != "two" {
				t.Errorf("deltas %+v", deltas)
			}
		}},
		{"reasoning", func(t *testing.T, events []protocol.Data) {
			first := completed(events)[0]
			if first.Kind != protocol.KindReasoning || first.Content[0].Type != protocol.PartReasoning || first.Content[0].Visibility != "public" {
				t.Errorf("first item %+v", first)
			}
		}},
		{"tool", func(t *testing.T, events []protocol.Data) {
			item := completed(events)[0]
			if item.Tool.Kind != protocol.ToolSearch || !json.Valid(item.Tool.Input) || len(item.Content) != 2 || !json.Valid(item.Content[1].JSON) {
				t.Errorf("item %+v", item)
			}
		}},
		{"command", func(t *testing.T, events []protocol.Data) {
			item := completed(events)[0]
			part := item.Content[0]
			if item.Status != protocol.ItemFailed || part.Type != protocol.PartCommand || *part.ExitCode != 1 || part.Cwd != "/work" {
				t.Errorf("item %+v", item)
			}
			if d := find[*protocol.ItemDelta](events)[0]; d.Kind != protocol.DeltaToolOutput {
				t.Errorf("the output streams as %s", d.Kind)
			}
		}},
		{"edit", func(t *testing.T, events []protocol.Data) {
			asked := find[*protocol.PermissionRequested](events)[0].Permission
			part := completed(events)[0].Content[0]
			if asked.Kind != protocol.PermitEdit || asked.Diff == nil || cmp.Diff(*asked.Diff, part) != "" {
				t.Errorf("asked with diff %+v, did %+v", asked.Diff, part)
			}
			if part.Added != 1 || part.Removed != 1 || !strings.Contains(part.Unified, "\n-world\n+Towline\n") {
				t.Errorf("diff %+v", part)
			}
		}},
		{"image", func(t *testing.T, events []protocol.Data) {
			part := completed(events)[0].Content[0]
			img, err := png.Decode(bytes.NewReader(part.Data))
			if err != nil || img.Bounds().Dx() != 96 {
				t.Errorf("picture %v, %v", img, err)
			}
		}},
		{"subagent", func(t *testing.T, events []protocol.Data) {
			items := completed(events)
			task := items[2]
			if task.Tool.Kind != protocol.ToolTask || items[0].ParentID != task.ID || items[1].ParentID != task.ID || items[3].ParentID != "" {
				t.Errorf("items %+v", items)
			}
		}},
		{"plan", func(t *testing.T, events []protocol.Data) {
			plans := find[*protocol.PlanUpdated](events)
			if len(plans) != 4 || plans[0].Entries[0].Status != "in_progress" || plans[3].Entries[2].Status != "completed" {
				t.Errorf("plans %+v", plans)
			}
			if p := find[*protocol.PermissionRequested](events)[0].Permission; p.Kind != protocol.PermitPlan || len(p.Options) != 2 {
				t.Errorf("permission %+v", p)
			}
		}},
		{"question", func(t *testing.T, events []protocol.Data) {
			if !strings.Contains(said(events), "- Colour: Blue\n- Toppings: Cheese, Onions\n- Name: Margherita\n") {
				t.Errorf("said %q", said(events))
			}
		}},
		{"usage", func(t *testing.T, events []protocol.Data) {
			if u := find[*protocol.UsageUpdated](events); len(u) != 1 || u[0].Context.Size != contextSize {
				t.Errorf("usage %+v", u)
			}
		}},
		{"error", func(t *testing.T, events []protocol.Data) {
			if f := outcome(t, events).Error; f == nil || f.Code != "overloaded" || !f.Retryable {
				t.Errorf("error %+v", f)
			}
		}},
		{"error-notice", func(t *testing.T, events []protocol.Data) {
			if len(find[*protocol.Notice](events)) != 1 || len(find[*protocol.ErrorEvent](events)) != 1 {
				t.Errorf("events %v", typesOf(events))
			}
		}},
		{"unparsed", func(t *testing.T, events []protocol.Data) {
			if u := find[*protocol.AgentUnparsed](events); len(u) != 1 || u[0].Bytes != len(u[0].Sample) || len(u[0].RawHash) != 64 {
				t.Errorf("unparsed %+v", u)
			}
		}},
		{"flood 5000", func(t *testing.T, events []protocol.Data) {
			if n := len(find[*protocol.ItemDelta](events)); n != 5000 {
				t.Errorf("%d deltas", n)
			}
		}},
		{"flood many", func(t *testing.T, events []protocol.Data) {
			if f := outcome(t, events).Error; f == nil || f.Code != "invalid_request" || !strings.Contains(f.Message, `"many" is no number`) {
				t.Errorf("error %+v", f)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.prompt, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := open(t, New(Options{}), agents.Start{}).turn(tt.prompt, consent)
				checkItems(t, events)
				tt.check(t, events)
			})
		})
	}
}

func TestSlowKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		events := open(t, New(Options{}), agents.Start{}).turn("slow 4 500", nil)
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("took %v, want 2s", took)
		}
		if ms := outcome(t, events).DurationMS; ms != 2000 {
			t.Errorf("duration_ms %d, want 2000", ms)
		}
	})
}

func TestInjectedClock(t *testing.T) {
	instant := make(chan time.Time)
	close(instant)
	var asked []time.Duration
	a := New(Options{After: func(d time.Duration) <-chan time.Time {
		asked = append(asked, d)
		return instant
	}})
	events := open(t, a, agents.Start{}).turn("slow 3 60000", nil)
	if want := []time.Duration{time.Minute, time.Minute, time.Minute}; !slices.Equal(asked, want) {
		t.Errorf("pauses %v, want %v", asked, want)
	}
	checkItems(t, events)
}

func TestAttachmentsAreNamed(t *testing.T) {
	s := open(t, New(Options{Pace: -1}), agents.Start{})
	p := prompt(1, "look")
	p.Content = append(p.Content, agents.Content{Part: protocol.Part{Type: protocol.PartImage, Mime: "image/png"}, Bytes: []byte("1234")})
	s.send(p)
	if text := said(s.until(protocol.TypeTurnEnded)); !strings.Contains(text, "(with an attachment: image, image/png, 4 bytes)") {
		t.Errorf("said %q", text)
	}
}

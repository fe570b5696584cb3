package mock

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

func wantCode(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	if got := protocol.CodeOf(err); got != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func TestInterruptStopsAtOnce(t *testing.T) {
	for _, script := range []string{"slow 100 1000", "permission", "question", "subagent", "flood 1000000"} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, New(Options{Pace: time.Second}), agents.Start{})
				s.prompt(script)
				events := s.until(protocol.TypeItemDelta, protocol.TypePermissionRequested, protocol.TypeQuestionRequested, protocol.TypeItemStarted)
				begin := time.Now()
				s.send(&agents.Interrupt{})
				events = append(events, s.until(protocol.TypeTurnEnded)...)
				if got := outcome(t, events).Outcome; got != protocol.OutcomeInterrupted {
					t.Errorf("outcome %s", got)
				}
				if took := time.Since(begin); took != 0 {
					t.Errorf("it took %v", took)
				}
				checkItems(t, events)
				for _, item := range completed(events) {
					if item.Status != protocol.ItemInterrupted {
						t.Errorf("%s is %s", item.ID, item.Status)
					}
				}
				if got := outcome(t, s.turn("echo again", nil)).Outcome; got != protocol.OutcomeCompleted {
					t.Errorf("the next turn is %s", got)
				}
			})
		})
	}
}

func TestInterruptWithoutTurnChangesNothing(t *testing.T) {
	s := open(t, New(Options{Pace: -1}), agents.Start{})
	s.send(&agents.Interrupt{})
	if got := outcome(t, s.turn("echo on", nil)).Outcome; got != protocol.OutcomeCompleted {
		t.Errorf("outcome %s", got)
	}
}

func TestSteerJoinsTheOpenTurn(t *testing.T) {
	for _, script := range []string{"slow 3 1000", "permission", "flood 2000"} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, New(Options{}), agents.Start{})
				s.prompt(script)
				events := s.until(protocol.TypeItemStarted)
				steer := prompt(2, "and be quick")
				steer.Steer = true
				s.send(steer)
				synctest.Wait()
				if script == "permission" {
					asked := s.until(protocol.TypePermissionRequested)
					events = append(events, asked...)
					s.send(consent(asked[len(asked)-1]))
				}
				events = append(events, s.until(protocol.TypeTurnEnded)...)
				checkItems(t, events)
				if text := said(events); !strings.Contains(text, "Noted in this turn: and be quick") {
					t.Errorf("said %q", text)
				}
				if len(find[*protocol.TurnStarted](events)) != 1 {
					t.Error("the steering prompt began a turn")
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, New(Options{}), agents.Start{})
		steer := prompt(1, "left")
		steer.Steer = true
		wantCode(t, s.conn.Send(t.Context(), steer), protocol.CodeInvalidRequest)
		s.prompt("permission")
		asked := s.until(protocol.TypePermissionRequested)
		wantCode(t, s.conn.Send(t.Context(), prompt(2, "reply")), protocol.CodeBusy)
		wantCode(t, s.conn.Send(t.Context(), &agents.Decide{PermissionID: "another"}), protocol.CodePermissionClosed)
		decide := consent(asked[len(asked)-1])
		s.send(decide)
		wantCode(t, s.conn.Send(t.Context(), decide), protocol.CodePermissionClosed)
		s.until(protocol.TypeTurnEnded)
	})
}

func TestAsksWaitForEver(t *testing.T) {
	for _, script := range []string{"permission", "question", "plan", "edit"} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, New(Options{}), agents.Start{})
				s.prompt(script)
				asked := s.until(protocol.TypePermissionRequested, protocol.TypeQuestionRequested)
				time.Sleep(1000 * time.Hour) // of the bubble's clock
				s.send(consent(asked[len(asked)-1]))
				if got := outcome(t, s.until(protocol.TypeTurnEnded)).Outcome; got != protocol.OutcomeCompleted {
					t.Errorf("outcome %s", got)
				}
			})
		})
	}
}

// decide answers the first permission with the option of that id.
func decide(option, message string, input json.RawMessage) func(protocol.Data) agents.Command {
	return func(d protocol.Data) agents.Command {
		p := d.(*protocol.PermissionRequested).Permission
		for _, o := range p.Options {
			if o.ID == option {
				return &agents.Decide{PermissionID: p.PermissionID, Option: o, Message: message, Input: input}
			}
		}
		return nil
	}
}

func TestDecisionsAreShown(t *testing.T) {
	edited := json.RawMessage(`{"command":"touch other.txt"}`)
	tests := []struct {
		name, script string
		answer       func(protocol.Data) agents.Command
		status       protocol.ItemStatus
		text         string
	}{
		{"allow", "permission", decide("allow_once", "", nil), protocol.ItemDone, "It was allowed (once)."},
		{"edited", "permission", decide("allow_once", "", edited), protocol.ItemDone, string(edited)},
		{"deny", "permission", decide("deny", "not now", nil), protocol.ItemDeclined, "It was denied (once). The message was: not now"},
		{"edit denied", "edit", decide("deny", "", nil), protocol.ItemDeclined, "It was denied (once)."},
		{"revise", "plan", decide("revise", "shorter", nil), protocol.ItemDeclined, "The message was: shorter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events := open(t, New(Options{Pace: -1}), agents.Start{}).turn(tt.script, tt.answer)
			checkItems(t, events)
			if item := completed(events)[0]; item.Status != tt.status || !strings.Contains(item.Content[0].Text, tt.text) {
				t.Errorf("item %+v", item)
			}
			if tt.name == "edited" && string(completed(events)[0].Tool.Input) != string(edited) {
				t.Error("the tool call does not show the edited input")
			}
		})
	}
}

func TestAllowForTheSession(t *testing.T) {
	a := New(Options{Pace: -1})
	s := open(t, a, agents.Start{})
	s.turn("permission", decide("allow_session", "", nil))
	again := s.turn("permission", nil)
	if len(find[*protocol.PermissionRequested](again)) != 0 || !strings.Contains(said(again), "without asking") {
		t.Errorf("events %v", typesOf(again))
	}
	if len(find[*protocol.PermissionRequested](s.turn("edit", consent))) != 1 {
		t.Error("allowing commands allowed edits as well")
	}
	fork := open(t, a, agents.Start{SessionID: "s2"})
	if len(find[*protocol.PermissionRequested](fork.turn("permission", consent))) != 1 {
		t.Error("another session did not ask")
	}
}

func TestRejectedQuestion(t *testing.T) {
	events := open(t, New(Options{Pace: -1}), agents.Start{}).turn("question", func(d protocol.Data) agents.Command {
		return &agents.RejectQuestion{QuestionID: d.(*protocol.QuestionRequested).Question.QuestionID}
	})
	if !strings.Contains(said(events), "You did not answer") {
		t.Errorf("said %q", said(events))
	}
}

func TestConfigure(t *testing.T) {
	word := func(s string) *string { return &s }
	s := open(t, New(Options{Pace: -1}), agents.Start{})
	s.send(&agents.Configure{Model: word("mock-2"), PermissionMode: word("auto")})
	updates := find[*protocol.SessionUpdated](s.until(protocol.TypeSessionUpdated))
	if u := updates[0]; *u.Model != "mock-2" || *u.PermissionMode != "auto" || u.Mode != nil {
		t.Errorf("update %+v", u)
	}
	if events := s.turn("permission", nil); !strings.Contains(said(events), "without asking") {
		t.Errorf("said %q", said(events))
	}
	if text := said(s.turn("hello", nil)); !strings.Contains(text, "answered by mock-2") {
		t.Errorf("said %q", text)
	}
	wantCode(t, s.conn.Send(t.Context(), &agents.Configure{Model: word("gpt")}), protocol.CodeInvalidRequest)
	wantCode(t, s.conn.Send(t.Context(), &agents.Configure{Mode: word("yolo")}), protocol.CodeModeNotSupported)
	wantCode(t, s.conn.Send(t.Context(), &agents.Configure{Effort: word("high")}), protocol.CodeCapabilityMissing)
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		start agents.Start
		code  protocol.Code
	}{
		{"model", agents.Start{Model: "gpt"}, protocol.CodeInvalidRequest},
		{"mode", agents.Start{Mode: "yolo"}, protocol.CodeModeNotSupported},
		{"permission mode", agents.Start{PermissionMode: "yolo"}, protocol.CodeModeNotSupported},
		{"effort", agents.Start{Effort: "high"}, protocol.CodeCapabilityMissing},
		{"mcp", agents.Start{MCP: map[string]protocol.MCPServer{"x": {}}}, protocol.CodeCapabilityMissing},
		{"resume", agents.Start{Resume: "of-another-agent"}, protocol.CodeAgentStartFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Options{}).Open(t.Context(), tt.start)
			wantCode(t, err, tt.code)
		})
	}
}

func TestResumeAndFork(t *testing.T) {
	a := New(Options{Pace: -1})
	s := open(t, a, agents.Start{})
	s.turn("hello", nil)
	if err := s.conn.Close(); err != nil {
		t.Fatal(err)
	}
	back := open(t, a, agents.Start{Resume: "mock-s1"})
	if text := said(back.turn("hello", nil)); !strings.Contains(text, "prompt 2 of the session") {
		t.Errorf("said %q", text)
	}
	fork := open(t, a, agents.Start{SessionID: "s2", Resume: "mock-s1", Fork: true})
	events := fork.turn("hello", nil)
	started := find[*protocol.SessionStarted](events)[0]
	if started.NativeSessionID != "mock-s2" || !started.Resumed || !strings.Contains(said(events), "prompt 3 of the session") {
		t.Errorf("started %+v, said %q", started, said(events))
	}
	if text := said(back.turn("hello", nil)); !strings.Contains(text, "prompt 3 of the session") {
		t.Errorf("the fork changed its original: %q", text)
	}
	again := open(t, a, agents.Start{})
	if id := find[*protocol.SessionStarted](again.until(protocol.TypeSessionStarted))[0].NativeSessionID; id != "mock-s1-2" {
		t.Errorf("a new native session took the id %s", id)
	}
	stranger := open(t, New(Options{}), agents.Start{Resume: "mock-s1"})
	if !find[*protocol.SessionStarted](stranger.until(protocol.TypeSessionStarted))[0].Resumed {
		t.Error("an id of an earlier process was not resumed")
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		prompt string
		code   int
		ended  bool
	}{{"end", 0, true}, {"crash", 1, false}, {"crash 7", 7, false}}
	for _, tt := range tests {
		t.Run(tt.prompt, func(t *testing.T) {
			s := open(t, New(Options{Pace: -1}), agents.Start{})
			s.prompt(tt.prompt)
			events := s.until(protocol.TypeAgentExited)
			if e := find[*protocol.AgentExited](events)[0]; *e.ExitCode != tt.code {
				t.Errorf("exit code %d, want %d", *e.ExitCode, tt.code)
			}
			if ended := len(find[*protocol.TurnEnded](events)) == 1; ended != tt.ended {
				t.Errorf("turn ended: %v, want %v", ended, tt.ended)
			}
			if d := s.next(); d != nil {
				t.Errorf("after the exit came %v", d.EventType())
			}
			wantCode(t, s.conn.Send(t.Context(), prompt(2, "hello")), protocol.CodeAgentNotRunning)
		})
	}
}

func TestCloseEndsAnOpenTurn(t *testing.T) {
	for _, script := range []string{"slow 100 1000", "permission", "flood 1000000"} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, New(Options{}), agents.Start{})
				s.prompt(script)
				events := s.until(protocol.TypeItemStarted)
				if err := s.conn.Close(); err != nil {
					t.Fatal(err)
				}
				if err := s.conn.Close(); err != nil {
					t.Fatalf("closing twice: %v", err)
				}
				events = append(events, s.until(protocol.TypeAgentExited)...)
				checkItems(t, events)
				if got := outcome(t, events).Outcome; got != protocol.OutcomeInterrupted {
					t.Errorf("outcome %s", got)
				}
				if s.next() != nil {
					t.Error("Recv did not end")
				}
			})
		})
	}
}

func TestAFastScriptIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(Options{})
		s := open(t, a, agents.Start{})
		s.prompt("flood 5000")
		synctest.Wait()
		c := s.conn.(*Conn)
		c.mu.Lock()
		waiting := len(c.pending)
		c.mu.Unlock()
		if waiting != backlog {
			t.Errorf("%d reports wait, want %d", waiting, backlog)
		}
		checkItems(t, s.until(protocol.TypeTurnEnded))
	})
}

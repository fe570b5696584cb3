package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/golden"
	"github.com/towline-dev/towline/protocol"
)

// rendering is a session that shows everything there is to show.
func rendering() []protocol.Data {
	one, cost := 1, 0.25
	status := func(i protocol.Item, s protocol.ItemStatus) protocol.Item { i.Status = s; return i }
	text := func(id, s string) protocol.Item {
		return protocol.Item{ID: id, Kind: protocol.KindMessage, Role: "assistant", Status: protocol.ItemDone, Content: []protocol.Part{protocol.TextPart(s)}}
	}
	tool := protocol.Item{ID: "i3", Kind: protocol.KindToolCall, Tool: &protocol.Tool{Name: "Bash", Title: "Run make test"}}
	diff := protocol.Part{
		Type: protocol.PartDiff, Path: "new.txt", OldPath: "old.txt", Action: "move", Added: 1, Removed: 1,
		Unified: "--- a/old.txt\n+++ b/new.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n",
	}
	long := protocol.Part{Type: protocol.PartDiff, Path: "long.txt", Action: "create", Added: 90, Unified: strings.Repeat("+line\n", 90)}
	withParts := func(parts ...protocol.Part) protocol.Item {
		i := tool
		i.Content = parts
		return i
	}
	permission := testPermission()
	permission.Diff = &diff
	return []protocol.Data{
		&protocol.PromptAccepted{PromptID: "m1", Content: []protocol.Part{protocol.TextPart("do it")}},
		&protocol.TurnStarted{PromptIDs: []string{"m1"}},
		&protocol.ItemDelta{ItemID: "i1", Kind: protocol.DeltaReasoning, Text: "I think"},
		&protocol.ItemDelta{ItemID: "i2", Kind: protocol.DeltaText, Text: "I "},
		&protocol.ItemDelta{ItemID: "i2", Kind: protocol.DeltaText, Text: "do\x1b[2J it"},
		&protocol.ItemCompleted{Item: text("i2", "I do it")},
		&protocol.ItemCompleted{Item: text("i9", "not streamed")},
		&protocol.ItemStarted{Item: tool},
		&protocol.ItemDelta{ItemID: "i3", Kind: protocol.DeltaToolInput, Text: "{}"},
		&protocol.PermissionRequested{Permission: *testPermission()},
		&protocol.PermissionResolved{
			PermissionID: "p1", Outcome: protocol.PermissionDecided, Decision: protocol.Allow, Scope: protocol.ScopeOnce,
			InputEdited: true, By: protocol.Actor{Kind: "client"},
		},
		&protocol.ItemCompleted{Item: status(withParts(protocol.Part{Type: protocol.PartCommand, Output: strings.Repeat("ok\n", 25), ExitCode: &one}, diff, long), protocol.ItemFailed)},
		&protocol.PermissionRequested{Permission: *permission},
		&protocol.PermissionResolved{PermissionID: "p2", Outcome: protocol.PermissionCancelled, Reason: "turn_ended", By: protocol.Actor{Kind: "server"}},
		&protocol.PermissionResolved{PermissionID: "p3", Outcome: protocol.PermissionDecided, Decision: protocol.Deny, By: protocol.Actor{Kind: "policy"}},
		&protocol.QuestionRequested{Question: protocol.Question{QuestionID: "q1", Questions: []protocol.QuestionItem{
			{Text: "Which?", Options: []protocol.QuestionOption{{Label: "red", Description: "warm"}, {Label: "blue"}}},
		}}},
		&protocol.QuestionResolved{QuestionID: "q1", Outcome: protocol.QuestionAnswered},
		&protocol.PlanUpdated{Entries: []protocol.PlanEntry{{Text: "a", Status: "completed"}, {Text: "b", Status: "in_progress"}, {Text: "c", Status: "pending"}}},
		&protocol.ItemCompleted{Item: protocol.Item{ID: "i4", Kind: protocol.KindStatus, Status: protocol.ItemDone, Content: []protocol.Part{
			{Type: protocol.PartStatus, Label: "compacted", Detail: "90%"},
			{Type: protocol.PartImage, Mime: "image/png"},
			{Type: protocol.PartJSON, JSON: json.RawMessage(`{"a":1}`)},
			{Type: protocol.PartReasoning, Text: "whole thought"},
		}}},
		&protocol.Notice{Level: "info", Code: "retrying", Message: "trying again"},
		&protocol.ErrorEvent{Code: "internal", Message: "that failed"},
		&protocol.AgentUnparsed{Error: "no JSON"},
		&protocol.PromptWithdrawn{PromptID: "m2", Reason: "by the client"},
		&protocol.TurnEnded{
			Outcome: protocol.OutcomeFailed, DurationMS: 1500, CostUSD: &cost, Usage: &protocol.Usage{InputTokens: 3, OutputTokens: 4},
			Error: &protocol.Failure{Message: "the model is gone"},
		},
		&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted, DurationMS: 100},
		&protocol.AgentExited{Message: "killed"},
		&protocol.SessionEnded{Reason: "completed", Message: "bye"},
	}
}

func TestRendering(t *testing.T) {
	for name, colour := range map[string]bool{"plain": false, "colour": true} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newRenderer(&out, colour)
			for i, d := range rendering() {
				r.event(protocol.Event{Seq: uint64(i + 1), Data: d})
			}
			if r.err != nil {
				t.Fatal(r.err)
			}
			golden.Compare(t, filepath.Join("testdata", "golden", name+".txt"), []byte(out.String()))
		})
	}
}

func TestHarmless(t *testing.T) {
	got := harmless("a\x1b[2J\tb\r\n\u202ec\x9b")
	if got != "a\uFFFD[2J\tb\n\uFFFDc\uFFFD" {
		t.Errorf("got %q", got)
	}
}

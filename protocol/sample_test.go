package protocol_test

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func at(ms int) Time {
	return At(time.Date(2026, 3, 14, 15, 9, 26, ms*int(time.Millisecond), time.UTC))
}

func sampleTool() *Tool {
	return &Tool{
		Name: "Edit", Kind: ToolEdit, Title: "Edit main.go", CallID: "call_1", Server: "files",
		Input: json.RawMessage(`{"path":"main.go","old":"a < b","new":"a <= b","line":7,"ratio":0.5}`),
	}
}

func sampleItem(status ItemStatus) Item {
	code := 0
	return Item{
		ID: "i2", NativeID: "msg_7", ParentID: "i1", Kind: KindToolCall, Role: "assistant", Status: status, Tool: sampleTool(),
		Content: []Part{
			TextPart("Compare with <= & \"fix\" it: 日本語 \u2028 done"),
			{Type: PartReasoning, Text: "Off by one.", Visibility: "public"},
			{Type: PartJSON, JSON: json.RawMessage(`{"n":[1,2.5,null,true,"x"]}`)},
			{Type: PartImage, Mime: "image/png", Blob: &Blob{ID: "b1", Bytes: 5120, SHA256: "9f86d081884c7d65", Mime: "image/png"}},
			{Type: PartFile, Path: "notes.txt", Mime: "text/plain"},
			{Type: PartResourceLink, URL: "https://example.com/a?b=1&c=2", Name: "a"},
			{Type: PartDiff, Path: "main.go", OldPath: "old.go", Action: "update", Unified: "@@ -1 +1 @@\n-a\n+b\n", Added: 1, Removed: 1},
			{Type: PartCommand, Command: "go test ./...", Cwd: "/work", ExitCode: &code, Output: "ok\t0.1s\n", Truncated: true},
			{Type: PartStatus, Label: "Compacting", Detail: "120 messages"},
		},
	}
}

func samplePermission() Permission {
	expires := at(999)
	return Permission{
		PermissionID: "p1", ItemID: "i2", Kind: PermitEdit, Title: "Edit main.go", Description: "one line", Tool: sampleTool(),
		Diff: &Part{Type: PartDiff, Path: "main.go", Action: "update", Unified: "@@ -1 +1 @@\n-a\n+b\n", Added: 1, Removed: 1},
		Options: []PermissionOption{
			{ID: "allow", Decision: Allow, Scope: ScopeOnce, Label: "Allow"},
			{ID: "deny", Decision: Deny, Scope: ScopeOnce, Label: "Deny"},
		},
		Editable: true, InputSHA256: "2c26b46b68ffc68ff99b453c1d304134", ExpiresAt: &expires,
	}
}

func sampleQuestion() Question {
	return Question{QuestionID: "q1", ItemID: "i3", Questions: []QuestionItem{{
		Header: "Colour", Text: "Which one?", MultiSelect: true, FreeText: true,
		Options: []QuestionOption{{Label: "red", Description: "warm"}, {Label: "blue"}},
	}}}
}

func ptr[T any](v T) *T { return &v }

// sampleData holds one filled payload for each event type.
func sampleData() []Data {
	stderr := &Stderr{Head: []string{"first"}, Tail: []string{"last"}, TotalLines: 9, Truncated: true}
	by := Actor{Kind: "client", ClientID: "c1", Subject: "ann", Rule: "r1"}
	usage := Usage{InputTokens: 12, OutputTokens: 34, CachedReadTokens: 56, CachedWriteTokens: 7, ReasoningTokens: 8}
	return []Data{
		&SessionStarted{Agent: "claude", AgentVersion: "2.1.0", NativeSessionID: "n1", Directory: "/work", Model: "m", Mode: "default"},
		&SessionUpdated{
			Title: ptr("Fix it"), Model: ptr("m2"), Mode: ptr("plan"), Effort: ptr("high"), PermissionMode: ptr("ask"),
			Status: ptr(StatusRunning), NativeSessionID: ptr("n2"), AgentVersion: ptr("2.1.1"), Directory: ptr("/w"),
		},
		&SessionEnded{Reason: "error", By: SourceAgent, Message: "gone", ExitCode: ptr(1), Stderr: stderr},
		&AgentStarted{PID: 4242, Version: "2.1.0"},
		&AgentExited{ExitCode: ptr(137), Signal: "killed", Stderr: stderr, Message: "out of memory"},
		&AgentUnparsed{Error: "no JSON", Location: "stdout", Sample: []byte("\x00\xff{"), RawHash: "abc", Bytes: 3},
		&PromptAccepted{PromptID: "m1", CommandID: "cmd-1", Delivery: DeliverQueue, Position: 1, By: &by, Content: []Part{TextPart("fix it")}},
		&PromptWithdrawn{PromptID: "m1", By: &by, Reason: "changed my mind"},
		&TurnStarted{PromptIDs: []string{"m1"}, Origin: SourceClient},
		&TurnEnded{
			Outcome: OutcomeFailed, Error: &Failure{Code: "rate_limit", Message: "later", Retryable: true, Details: json.RawMessage(`{"s":9}`)},
			Usage: &usage, CostUSD: ptr(0.0125), DurationMS: 1234,
		},
		&ItemStarted{Item: Item{
			ID: "i1", Kind: KindToolCall, Role: "assistant", Status: ItemInProgress, Content: []Part{},
			Tool: &Tool{Name: "Write", Kind: ToolEdit, Title: "Write big.txt", InputBlob: &Blob{ID: "b2", Bytes: 70000, SHA256: "9f86d081884c7d65"}},
		}},
		&ItemDelta{ItemID: "i1", Index: 1, Kind: DeltaText, Text: "a < b && \"c\" \u2028\t"},
		&ItemCompleted{Item: sampleItem(ItemDone)},
		&PermissionRequested{Permission: samplePermission()},
		&PermissionResolved{
			PermissionID: "p1", Outcome: PermissionDecided, Decision: Deny, Scope: ScopeOnce, OptionID: "deny", By: by,
			Message: "not now", InputEdited: true, Delivered: DeliveredUnknown, Reason: "shutdown",
		},
		&QuestionRequested{Question: sampleQuestion()},
		&QuestionResolved{
			QuestionID: "q1", Outcome: QuestionAnswered, Answers: [][]string{{"red", "green"}, {}}, Message: "m", By: by,
			Delivered: DeliveredTrue, Reason: "r",
		},
		&PlanUpdated{Entries: []PlanEntry{{Text: "read", Status: "completed", Priority: "high"}, {Text: "write", Status: "pending"}}},
		&UsageUpdated{Usage: usage, CostUSD: ptr(1.5), Context: &Context{Used: 10, Size: 200000}},
		&CommandsUpdated{Commands: []SlashCommand{{Name: "compact", Description: "Shorten", Hint: "[what]"}}},
		&Notice{Level: "warning", Code: "retrying", Message: "again", Details: json.RawMessage(`{"attempt":2}`)},
		&ErrorEvent{Code: "internal", Message: "oops", Retryable: true, Details: json.RawMessage(`[]`)},
	}
}

// sampleEvents holds one event of each type, and one of a type to come.
func sampleEvents() []Event {
	var events []Event
	for i, d := range append(sampleData(), &UnknownData{Type: "moon.rose", JSON: json.RawMessage(`{"phase":"full"}`)}) {
		e := Event{Seq: uint64(i + 1), SessionID: "s-1", Time: at(i), TurnID: "t1", Source: SourceAgent, Data: d}
		if i%3 == 0 {
			e.TurnID, e.Source = "", SourceServer
		}
		events = append(events, e)
	}
	return events
}

// sampleServerFrames holds one body for each server frame.
func sampleServerFrames() map[FrameType]any {
	f := NewFold()
	for _, e := range sampleEvents() {
		if e.Data.EventType() != TypeSessionEnded {
			f.Apply(&e)
		}
	}
	return map[FrameType]any{
		FrameHello: &Hello{
			Protocol: Version, Server: ServerInfo{Name: "towline", Version: "1.0.0"},
			Session: Session{
				ID: "s-1", Agent: "claude", Directory: "/work", Status: StatusRunning, Epoch: "e1", Head: 23,
				CreatedAt: at(0), UpdatedAt: at(1), PendingAsks: 1,
			},
			ClientID: "c1", Scopes: []string{"read", "prompt"}, Epoch: "e1", Head: 23, State: f.State(),
			Limits: Limits{FrameBytes: 1 << 20, QueuedPrompts: 64, PingIntervalMS: 25000, CommandsPerSec: 50, CommandIDBytes: 128, TextInEventBytes: 65536},
		},
		FrameEvents: &Events{Last: 23, Events: sampleEvents()},
		FrameLive:   &Live{Seq: 23},
		FrameGap:    &Gap{From: 1, To: 9, Reason: GapRetention, Epoch: "e1"},
		FrameAsk:    &Ask{Permission: ptr(samplePermission()), Seq: 14},
		FrameResult: &Result{
			ID: "cmd-1", Error: Errorf(CodeAlreadyDecided, "ann was faster").WithDetails(Winner{Outcome: "decided", Decision: Deny, By: Actor{Kind: "client"}}),
			Duplicate: true,
		},
		FrameGoodbye: &Goodbye{Code: CodeDraining, Reason: "restart", After: 23, RetryMS: 200},
	}
}

// sampleCommands holds one filled command for each client frame.
func sampleCommands() []Command {
	return []Command{
		&Prompt{Delivery: DeliverSteer, Content: []Part{
			TextPart("see"), {Type: PartImage, Mime: "image/png", Data: []byte{0x89, 'P', 'N', 'G', 0}}, {Type: PartFile, Blob: &Blob{ID: "b1"}},
		}},
		&PromptWithdraw{PromptID: "m1"},
		&PermissionDecide{PermissionID: "p1", Decision: Allow, Scope: ScopeSession, Message: "ok", Input: json.RawMessage(`{"b":1.5,"a":[2]}`), InputSHA256: "2c26"},
		&QuestionAnswer{QuestionID: "q1", Answers: [][]string{{"red"}, {}}},
		&QuestionReject{QuestionID: "q1", Message: "no"},
		&TurnInterrupt{},
		&SessionConfigure{Title: ptr("t"), Model: ptr("m"), Mode: ptr("plan"), Effort: ptr("low"), PermissionMode: ptr("ask")},
		&SessionEnd{},
		&SessionCreate{
			SessionID: "s-1", Agent: "claude", Directory: "/work", Model: "m", Mode: "d", Effort: "high", PermissionMode: "ask", Title: "t",
			Env: map[string]string{"PATH": "/bin", "Type": "x"}, MCP: map[string]MCPServer{"Files": {Command: "srv", Args: []string{"-v"}, Env: map[string]string{"URL": "u"}}},
			Skills: json.RawMessage(`["s"]`), Policy: json.RawMessage(`{"Rules":[]}`), Raw: true, Resume: "n1", SystemPrompt: "be brief",
		},
		&SessionAttach{SessionID: "s-1", After: Cursor{After: 7}, Epoch: "e1", View: ViewItems, Raw: true},
		&EventsRead{Before: ptr(uint64(100)), Limit: 50},
		&Ping{},
	}
}

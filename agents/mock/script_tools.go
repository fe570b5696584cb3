package mock

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/towline-dev/towline/protocol"
)

// call makes a tool call item whose input is v.
func (t *turn) call(kind protocol.ToolKind, tool, title string, v any) *protocol.Item {
	input, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cannot encode the input of a scripted tool: %v", err)) // inputs are constants
	}
	id := t.newID("call")
	return &protocol.Item{
		ID: id, Kind: protocol.KindToolCall,
		Tool: &protocol.Tool{Name: tool, Kind: kind, Title: title, CallID: id, Input: input},
	}
}

// result completes a tool call with the given content.
func (t *turn) result(item *protocol.Item, content ...protocol.Part) error {
	item.Content = content
	return t.finish(item, protocol.ItemDone)
}

func playTool(t *turn, _ string) error {
	item := t.call(protocol.ToolSearch, "Search", "Search for greeting", map[string]any{"pattern": "greeting", "path": "."})
	if err := t.begin(item); err != nil {
		return err
	}
	if err := t.pause(10 * t.c.agent.o.Pace); err != nil {
		return err
	}
	found := protocol.Part{Type: protocol.PartJSON, JSON: json.RawMessage(`{"matches":[{"path":"greeting.txt","line":1}]}`)}
	if err := t.result(item, protocol.TextPart("greeting.txt:1: hello\n"), found); err != nil {
		return err
	}
	return t.say("The tool found one match.")
}

func playCommand(t *turn, _ string) error {
	const line = "go test ./..."
	item := t.call(protocol.ToolExecute, "Bash", line, map[string]any{"command": line})
	output := []string{"ok  \texample.com/greeting\t0.012s\n", "ok  \texample.com/greeting/server\t0.345s\n", "FAIL\texample.com/greeting/client\t0.067s\n"}
	if err := t.begin(item); err != nil {
		return err
	}
	code := 1
	item.Content = []protocol.Part{{Type: protocol.PartCommand, Command: line, Cwd: t.c.start.Directory}}
	if err := t.grow(item, protocol.DeltaToolOutput, &item.Content[0].Output, output, 4*t.c.agent.o.Pace); err != nil {
		return err
	}
	item.Content[0].ExitCode = &code
	if err := t.finish(item, protocol.ItemFailed); err != nil {
		return err
	}
	return t.say("The command failed with exit code 1: one package has a failing test.")
}

func playEdit(t *turn, _ string) error {
	const path = "greeting.txt"
	before, after := "hello\nworld\nbye\n", "hello\nTowline\nbye\n"
	item := t.call(protocol.ToolEdit, "Edit", "Edit "+path, map[string]any{"path": path, "old": "world", "new": "Towline"})
	if err := t.begin(item); err != nil {
		return err
	}
	diff := diffPart(path, before, after)
	v, err := t.permit(&protocol.Permission{Kind: protocol.PermitEdit, Title: "Edit " + path, ItemID: item.ID, Tool: item.Tool, Diff: &diff})
	if err != nil {
		return err
	}
	if !v.allowed {
		return t.declined(item, v)
	}
	if err := t.result(item, diff); err != nil {
		return err
	}
	return t.say("I have edited " + path + " (in this play only: no file was touched).")
}

// diffPart compares two texts of one file.
func diffPart(path, before, after string) protocol.Part {
	part := protocol.Part{Type: protocol.PartDiff, Path: path, Action: "update", Unified: udiff.Unified("a/"+path, "b/"+path, before, after)}
	for line := range strings.Lines(part.Unified) {
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		case line[0] == '+':
			part.Added++
		case line[0] == '-':
			part.Removed++
		}
	}
	return part
}

// declined completes a tool call that was not allowed, and says so.
func (t *turn) declined(item *protocol.Item, v verdict) error {
	item.Content = []protocol.Part{protocol.TextPart(v.String())}
	if err := t.finish(item, protocol.ItemDeclined); err != nil {
		return err
	}
	return t.say("Then I leave it. " + v.String())
}

func playImage(t *turn, _ string) error {
	item := &protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	if err := t.begin(item); err != nil {
		return err
	}
	item.Content = []protocol.Part{{Type: protocol.PartImage, Mime: "image/png", Name: "gradient.png", Data: picture()}}
	return t.finish(item, protocol.ItemDone)
}

func playSubagent(t *turn, _ string) error {
	task := t.call(protocol.ToolTask, "Task", "Look at the greetings", map[string]any{"prompt": "Look at the greetings"})
	if err := t.begin(task); err != nil {
		return err
	}
	read := t.call(protocol.ToolRead, "Read", "Read greeting.txt", map[string]any{"path": "greeting.txt"})
	read.ParentID = task.ID
	if err := t.begin(read); err != nil {
		return err
	}
	if err := t.pause(4 * t.c.agent.o.Pace); err != nil {
		return err
	}
	if err := t.result(read, protocol.TextPart("hello\nworld\nbye\n")); err != nil {
		return err
	}
	if err := t.sayInside(task.ID, "I am the subagent: the file greets the world."); err != nil {
		return err
	}
	if err := t.result(task, protocol.TextPart("The file greets the world.")); err != nil {
		return err
	}
	return t.say("The subagent says that the file greets the world.")
}

package codex

import (
	"encoding/json"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// commandTool describes a command.
func commandTool(n nativeItem) *protocol.Tool {
	command := unwrap(n.Command)
	name := "exec_command"
	if n.Source == "userShell" {
		name = "user_shell"
	}
	return &protocol.Tool{
		Name: name, Kind: commandKind(n), Title: command,
		Input: encode(map[string]string{"command": n.Command, "cwd": n.Cwd}),
	}
}

// commandKind says what a command does, if all that Codex sees in it does the
// same: reading files, or looking for some.
func commandKind(n nativeItem) protocol.ToolKind {
	kinds := map[string]protocol.ToolKind{"read": protocol.ToolRead, "search": protocol.ToolSearch, "listFiles": protocol.ToolSearch}
	for _, a := range n.Actions {
		if a.Type != n.Actions[0].Type {
			return protocol.ToolExecute
		}
	}
	if len(n.Actions) > 0 && kinds[n.Actions[0].Type] != "" {
		return kinds[n.Actions[0].Type]
	}
	return protocol.ToolExecute
}

// unwrap takes a command out of the shell that it is wrapped in, where that is
// certain; else it stays as it is.
func unwrap(command string) string {
	for _, shell := range []string{"/bin/bash", "/bin/sh", "/bin/zsh", "/usr/bin/bash", "/usr/bin/zsh", "bash", "sh", "zsh"} {
		for _, flag := range []string{" -c ", " -lc "} {
			inner, ok := strings.CutPrefix(command, shell+flag)
			if !ok {
				continue
			}
			if quoted := strings.TrimSuffix(strings.TrimPrefix(inner, "'"), "'"); len(quoted) == len(inner)-2 && !strings.Contains(quoted, "'") {
				return quoted
			}
			if inner != "" && !strings.ContainsAny(inner, " '\"\\$`") {
				return inner
			}
		}
	}
	return command
}

// outputDelta adds to a command's output. The first 150 ms never come as
// deltas (PROTOCOL.md section 7); they are known at the end only, when nobody
// can put them before what was shown. So what is streamed is the item's
// second text, index 1, and the first one, index 0, may follow at the end.
func (t *translator) outputDelta(params json.RawMessage, o *output) error {
	var d nativeDelta
	if json.Unmarshal(params, &d) != nil || d.ItemID == "" {
		return errShape
	}
	it := t.streaming(d.ThreadID, d.ItemID, nativeItem{Type: "commandExecution", ID: d.ItemID}, o)
	if it == nil || it.Kind != protocol.KindToolCall || d.Delta == "" {
		return nil
	}
	it.tail(d.Delta, o)
	return nil
}

// The streams of a command: what came before the first delta, and the deltas.
const (
	headIndex = 0
	tailIndex = 1
)

// tail adds to what is streamed.
func (it *item) tail(text string, o *output) {
	it.outputStreams()
	it.delta(tailIndex, text, o)
}

// outputStreams makes both streams.
func (it *item) outputStreams() {
	it.stream(streamKey{streamOutput, headIndex})
	it.stream(streamKey{streamOutput, tailIndex})
}

// streamed is the output that was streamed.
func (it *item) streamed() string {
	if len(it.streams) <= tailIndex {
		return ""
	}
	return string(it.streams[tailIndex].text)
}

// commandParts makes the parts of a completed command: one with the output, or
// two where the first 150 ms were missing, the second with what was streamed.
// Put together, and each by itself, they are what the deltas said.
func (it *item) commandParts(n nativeItem, o *output) []protocol.Part {
	part := protocol.Part{Type: protocol.PartCommand, Command: unwrap(n.Command), Cwd: n.Cwd, ExitCode: n.ExitCode}
	shown := it.streamed()
	if n.Output == nil {
		part.Output = shown
		return []protocol.Part{part}
	}
	told := it.toldOutput()
	if told+shown == "" {
		part.Output = *n.Output
		return []protocol.Part{part}
	}
	// Codex skips pieces of what a command prints fast, and what it keeps of
	// more than 1 MiB is too little to tell whether it did.
	head, tail, exact := split(*n.Output, told+shown)
	if tail != "" {
		it.tail(tail, o)
		shown += tail
	}
	if head == "" {
		part.Output, part.Truncated = shown, !exact
		return []protocol.Part{part}
	}
	it.delta(headIndex, head, o)
	part.Output = head
	return []protocol.Part{part, {Type: protocol.PartCommand, Output: shown, Truncated: !exact}}
}

// probe is how much of a long output is compared to find its place.
const probe = 4 << 10

// split finds what was streamed in the whole output: what stands before it,
// and what comes after. The whole is cut in the middle beyond 1 MiB, and what
// was streamed may have holes: then only what stands before its begin is found.
func split(whole, shown string) (head, tail string, exact bool) {
	if head, ok := strings.CutSuffix(whole, shown); ok {
		return head, "", true
	}
	at := strings.Index(whole, shown)
	if at >= 0 {
		return whole[:at], whole[at+len(shown):], true
	}
	if len(shown) < probe {
		return "", "", false
	}
	if at = strings.Index(whole, shown[:probe]); at < 0 {
		return "", "", false
	}
	return whole[:at], "", false
}

// toldOutput is the output that items before this one have told: of a command
// that outlived its turn.
func (it *item) toldOutput() string { return it.before[streamKey{streamOutput, tailIndex}] }

// commandSoFar makes the part of a command that has not ended.
func (it *item) commandSoFar() []protocol.Part {
	var in struct {
		Command string `json:"command"`
		Cwd     string `json:"cwd"`
	}
	_ = json.Unmarshal(it.Tool.Input, &in) // our own
	return []protocol.Part{{Type: protocol.PartCommand, Command: unwrap(in.Command), Cwd: in.Cwd, Output: it.streamed()}}
}

// terminalInput tells what the model typed into a running command. A terminal
// echoes it into the output as well.
func (t *translator) terminalInput(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		ItemID   string `json:"itemId"`
		Stdin    string `json:"stdin"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	if it := t.items[itemKey{p.ThreadID, p.ItemID}]; it != nil && p.Stdin != "" {
		o.notice("info", "terminal_input", "the agent typed into the running command", map[string]string{"item_id": it.ID, "text": p.Stdin})
	}
	return nil
}

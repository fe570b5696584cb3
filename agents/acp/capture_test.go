package acp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest/captures"
	"github.com/towline-dev/towline/agents/agenttest/talk"
	"github.com/towline-dev/towline/protocol"
)

// recordings are those of the real agents, with what is strange in them.
var recordings = captures.Recordings{
	Dir: "../../testdata/acp", Count: 49, Replay: replayOf,
	Exceptions: []captures.Exception{
		{Rule: captures.CallsBeginWithInput, Reason: "some agents tell the input with an update"},
		{Rule: captures.ItemIDsAreOfOneProcess, Recording: "qwen-load", Times: 1, Reason: "each process numbers its messages anew"},
	},
}

// replayOf replays for the agent that a recording's name begins with.
func replayOf(name string) agents.Replay {
	agent, _, _ := strings.Cut(name, "-")
	return Replayer(agent).Replay()
}

// ndjson writes events one a line.
var ndjson = captures.NDJSON

// want checks that a text holds the parts; wantNone, that it has none of them.
var (
	want     = talk.Holds
	wantNone = talk.HoldsNone
)

// Every recording, replayed, gives its golden events.
func TestGolden(t *testing.T) { recordings.Golden(t) }

// Every recording keeps the rules of all translators.
func TestInvariants(t *testing.T) { recordings.Invariants(t) }

// Every prompt's answer ends a turn.
func TestTurnsMatchAnswers(t *testing.T) {
	for name, lines := range recordings.Lines(t) {
		t.Run(name, func(t *testing.T) {
			ended := 0
			for _, d := range recordings.Events(t, name, lines) {
				if d.EventType() == protocol.TypeTurnEnded {
					ended++
				}
			}
			if want := answeredPrompts(t, lines); ended != want {
				t.Errorf("%d turns ended, want %d", ended, want)
			}
		})
	}
}

// answeredPrompts counts the recorded prompts whose answer was recorded too.
func answeredPrompts(t *testing.T, lines []json.RawMessage) int {
	t.Helper()
	open := map[string]bool{}
	n := 0
	for _, line := range lines {
		var l struct {
			Dir   string `json:"dir"`
			Frame struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
			} `json:"frame"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		id := string(l.Frame.ID)
		switch {
		case l.Dir == "in" && l.Frame.Method == "session/prompt":
			open[id] = true
		case l.Dir == "out" && l.Frame.Method == "" && open[id]:
			delete(open, id)
			n++
		}
	}
	return n
}

// What the agents said, as it was recorded, comes out as it was, once: also
// where a session was loaded and its history came again.
func TestNothingIsDoubledOrLost(t *testing.T) {
	for name, lines := range recordings.Lines(t) {
		t.Run(name, func(t *testing.T) {
			events := recordings.Events(t, name, lines)
			var got strings.Builder
			for _, d := range events {
				if c, ok := d.(*protocol.ItemCompleted); ok && c.Item.Kind == protocol.KindMessage {
					got.WriteString(c.Item.Content[0].Text)
				}
			}
			if want := spoken(t, lines); got.String() != want {
				t.Errorf("got %q, want %q", got.String(), want)
			}
		})
	}
}

// spoken joins the text of the recorded message chunks, without history.
func spoken(t *testing.T, lines []json.RawMessage) string {
	t.Helper()
	var text strings.Builder
	loading := ""
	for _, line := range lines {
		var l struct {
			Frame struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
				Params struct {
					Update struct {
						Kind    string          `json:"sessionUpdate"`
						Content json.RawMessage `json:"content"`
					} `json:"update"`
				} `json:"params"`
			} `json:"frame"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		switch f := l.Frame; {
		case f.Method == "session/load":
			loading = string(f.ID)
		case f.Method == "" && string(f.ID) == loading:
			loading = ""
		case f.Params.Update.Kind == "agent_message_chunk" && loading == "":
			text.WriteString(textAt(f.Params.Update.Content, "text"))
		}
	}
	return text.String()
}

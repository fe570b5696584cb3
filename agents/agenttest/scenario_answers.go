package agenttest

import (
	"encoding/base64"

	"github.com/towline-dev/towline/protocol"
)

// picture is a PNG of one pixel, in base64.
const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// prompt is the step that all scenarios begin with.
func prompt(script string) Step {
	return Step{Kind: StepPrompt, Script: script, Text: "Do as scripted."}
}

// awaitEnd waits for the end of a turn.
func awaitEnd(outcome protocol.Outcome) Step {
	return Step{Kind: StepAwait, Await: ended(outcome)}
}

// ended is a turn's end.
func ended(outcome protocol.Outcome) Want {
	return Want{protocol.TypeTurnEnded, map[string]string{"outcome": string(outcome)}}
}

// said is a whole message from the agent that holds the text.
func said(text string) Want {
	return Want{protocol.TypeItemCompleted, map[string]string{"item.kind": "message", "item.role": "assistant", "item.content.*.text": "~" + text}}
}

// answerScenarios are turns without tools: what a model says, and what goes
// with it.
func answerScenarios() []Scenario {
	done := protocol.OutcomeCompleted
	hello := map[string][]Round{"main": {Play(Say("Hello from the scripted model, in several pieces."))}}
	return []Scenario{
		{
			Name: "text", Proves: []string{"streaming"}, Scripts: hello,
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypePromptAccepted, map[string]string{"prompt_id": "?"}},
				{protocol.TypeTurnStarted, map[string]string{"origin": "client", "prompt_ids.*": "?"}},
				{protocol.TypeItemStarted, map[string]string{"item.kind": "message"}},
				{protocol.TypeItemDelta, map[string]string{"kind": "text"}},
				{protocol.TypeItemDelta, map[string]string{"kind": "text"}},
				said("Hello from the scripted model, in several pieces."), ended(done),
			},
		},
		{
			Name: "usage", Proves: []string{"usage"}, Scripts: hello,
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{{protocol.TypeTurnEnded, map[string]string{"usage.output_tokens": "20"}}},
		},
		{
			Name: "cost", Proves: []string{"cost"}, Scripts: hello,
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{{protocol.TypeTurnEnded, map[string]string{"cost_usd": "?"}}},
		},
		{
			Name: "reasoning", Proves: []string{"reasoning"},
			Scripts: map[string][]Round{"main": {Play(Think("First I think."), Say("Then I speak."))}},
			Steps:   []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeItemCompleted, map[string]string{"item.kind": "reasoning", "item.content.*.text": "~First I think."}},
				said("Then I speak."), ended(done),
			},
		},
		{
			Name: "image", Proves: []string{"images"}, Scripts: hello,
			Steps: []Step{
				{Kind: StepPrompt, Script: "main", Text: "What is this?", Attach: []protocol.Part{{Type: protocol.PartImage, Mime: "image/png", Data: pictureBytes()}}},
				awaitEnd(done),
			},
			Wants:    []Want{ended(done)},
			ModelSaw: []string{picture[:40]}, // an agent may shrink a picture, not this one's head
		},
		{
			Name: "file", Proves: []string{"files"}, Scripts: hello,
			Steps: []Step{
				{Kind: StepPrompt, Script: "main", Text: "What is this?", Attach: []protocol.Part{{Type: protocol.PartFile, Mime: "text/plain", Name: "note.txt", Data: []byte("a note of seventeen words")}}},
				awaitEnd(done),
			},
			Wants:    []Want{ended(done)},
			ModelSaw: []string{"a note of seventeen words"},
		},
	}
}

// pictureBytes is the picture as it is.
func pictureBytes() []byte {
	b, err := base64.StdEncoding.DecodeString(picture)
	if err != nil {
		panic(err) // a constant
	}
	return b
}

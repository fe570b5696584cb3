package mock

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/towline-dev/towline/protocol"
)

// contextSize is the made-up size of the context window, in tokens.
const contextSize = 200_000

func playUsage(t *turn, _ string) error {
	m := t.c.snapshot()
	used := m.usage.InputTokens + m.usage.OutputTokens
	if err := t.emit(&protocol.UsageUpdated{Usage: m.usage, CostUSD: &m.cost, Context: &protocol.Context{Used: used, Size: contextSize}}); err != nil {
		return err
	}
	return t.say("That is what the turns before this one used. Tokens are words here, and the prices are made up.")
}

func playCommands(t *turn, _ string) error {
	if err := t.emit(&protocol.CommandsUpdated{Commands: slashCommands()}); err != nil {
		return err
	}
	return t.say("I have sent the list of commands anew.")
}

func playErrorNotice(t *turn, _ string) error {
	err := t.emit(&protocol.Notice{Level: "warning", Code: "retrying", Message: "The model is busy; trying again (1 of 3)."},
		&protocol.ErrorEvent{Code: "overloaded", Message: "The model was busy for a moment.", Retryable: true})
	if err != nil {
		return err
	}
	return t.say("There was an error, and the turn went on.")
}

func playError(t *turn, _ string) error {
	if err := t.say("This turn is about to fail."); err != nil {
		return err
	}
	return &failure{protocol.Failure{Code: "overloaded", Message: "The model is busy; try again later.", Retryable: true}}
}

func playUnparsed(t *turn, _ string) error {
	frame := []byte("\x1b[31mthis line is no JSON\x1b[0m")
	sum := sha256.Sum256(frame)
	err := t.emit(&protocol.AgentUnparsed{
		Error: "the frame is no JSON object", Location: "stdout", Sample: frame, RawHash: hex.EncodeToString(sum[:]), Bytes: len(frame),
	})
	if err != nil {
		return err
	}
	return t.say("I wrote a line that nobody understands, and went on.")
}

func playEnd(t *turn, _ string) error {
	if err := t.say("Goodbye."); err != nil {
		return err
	}
	return &exit{AgentExited: protocol.AgentExited{ExitCode: new(int), Message: "the agent ended as it was told"}, clean: true}
}

func playCrash(t *turn, args string) error {
	code, err := number(args, 0, 1, 255)
	if err != nil {
		return err
	}
	item := &protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	if err := t.begin(item); err != nil {
		return err
	}
	if err := t.emit(&protocol.ItemDelta{ItemID: item.ID, Kind: protocol.DeltaText, Text: "I am in the middle of a"}); err != nil {
		return err
	}
	stderr := &protocol.Stderr{Head: []string{"fatal: something went wrong, as you asked"}, TotalLines: 1}
	return &exit{AgentExited: protocol.AgentExited{ExitCode: &code, Stderr: stderr, Message: "the agent crashed as it was told"}}
}

package mock

import (
	"cmp"
	"fmt"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const markdown = "# A heading\n\nSome *emphasis*, some **strength** and a [link](https://example.com).\n\n" +
	"1. first\n2. second\n   - nested\n\n| column | value |\n| --- | ---: |\n| a | 1 |\n| b | 2 |\n\n" +
	"```go\nfunc main() {\n\tfmt.Println(\"hello\")\n}\n```\n\n> A quotation, and `code` within a line.\n"

func playReply(t *turn, args string) error {
	return t.say(cmp.Or(args, "Hello! This answer comes in small pieces, as a model would send it."))
}

func playMarkdown(t *turn, _ string) error { return t.say(markdown) }

func playReasoning(t *turn, _ string) error {
	item := &protocol.Item{Kind: protocol.KindReasoning, Role: "assistant"}
	thoughts := pieces("The user wants to see reasoning. I shall think a little, then answer.")
	if err := t.stream(item, protocol.DeltaReasoning, thoughts, t.c.agent.o.Pace); err != nil {
		return err
	}
	return t.say("I have thought about it, and this is the answer.")
}

func playSlow(t *turn, args string) error {
	words, err := number(args, 0, 30, 100_000)
	if err != nil {
		return err
	}
	ms, err := number(args, 1, 200, 60_000)
	if err != nil {
		return err
	}
	item := &protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	return t.stream(item, protocol.DeltaText, counted(words), time.Duration(ms)*time.Millisecond)
}

func playFlood(t *turn, args string) error {
	n, err := number(args, 0, 10_000, 1_000_000)
	if err != nil {
		return err
	}
	item := &protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	return t.stream(item, protocol.DeltaText, counted(n), 0)
}

// counted returns n numbered words, so that a reader sees when one is missing.
func counted(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("word-%d ", i+1)
	}
	return texts
}

package mock

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// command is one script: the first word of a prompt that plays it.
type command struct {
	name, hint, about string
	// play runs the script; args is the rest of the prompt.
	play func(t *turn, args string) error
}

// commands returns all scripts in the order in which help lists them.
func commands() []command {
	return []command{
		{"help", "", "list the commands", playHelp},
		{"reply", "[text]", "a plain answer, streamed", playReply},
		{"echo", "[text]", "the text, streamed back", playReply},
		{"markdown", "", "headings, lists, a table, code", playMarkdown},
		{"reasoning", "", "reasoning before the answer", playReasoning},
		{"tool", "", "a tool call with input and result", playTool},
		{"command", "", "a command with streamed output and an exit code", playCommand},
		{"edit", "", "a file edit: permission, then a diff", playEdit},
		{"image", "", "a small picture", playImage},
		{"subagent", "", "a task with items inside it", playSubagent},
		{"plan", "", "a plan to approve, then worked off step by step", playPlan},
		{"permission", "", "a permission with an input to edit", playPermission},
		{"question", "", "questions: one choice, several, free text", playQuestion},
		{"usage", "", "tokens, cost and context so far", playUsage},
		{"commands", "", "the list of commands, sent anew", playCommands},
		{"error-notice", "", "a notice and an error that end nothing", playErrorNotice},
		{"error", "", "a turn that fails", playError},
		{"unparsed", "", "a frame that nobody understands", playUnparsed},
		{"slow", "[words] [milliseconds]", "a slow stream, to interrupt or to steer", playSlow},
		{"flood", "[deltas]", "deltas as fast as possible", playFlood},
		{"end", "", "the agent ends after the turn", playEnd},
		{"crash", "[exit code]", "the agent dies within the turn", playCrash},
	}
}

// script plays what the prompt asks for; any other text is echoed.
func script(t *turn) error {
	text := textOf(t.prompt.Content)
	word, args, _ := strings.Cut(text, " ")
	word = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(word), "/"))
	for _, c := range commands() {
		if c.name == word {
			return c.play(t, strings.TrimSpace(args))
		}
	}
	return t.say(fmt.Sprintf("You said: %s%s\n\nThis is prompt %d of the session, answered by %s. Say help to see what else I can do.",
		text, attachments(t), t.c.snapshot().prompts, t.c.snapshot().model))
}

// attachments names the images and files that came with the prompt.
func attachments(t *turn) string {
	var b strings.Builder
	for _, p := range t.prompt.Content {
		if p.Type == protocol.PartImage || p.Type == protocol.PartFile {
			fmt.Fprintf(&b, "\n(with an attachment: %s, %s, %d bytes)", p.Type, p.Mime, len(p.Bytes))
		}
	}
	return b.String()
}

// slashCommands is the list of scripts as events carry it.
func slashCommands() []protocol.SlashCommand {
	var list []protocol.SlashCommand
	for _, c := range commands() {
		list = append(list, protocol.SlashCommand{Name: c.name, Description: c.about, Hint: c.hint})
	}
	return list
}

func playHelp(t *turn, _ string) error {
	var b strings.Builder
	b.WriteString("I am the mock agent. The first word of your prompt chooses what I do:\n\n")
	for _, c := range slashCommands() {
		fmt.Fprintf(&b, "- `%s`: %s\n", strings.TrimSpace(c.Name+" "+c.Hint), c.Description)
	}
	b.WriteString("\nAnything else I echo.")
	return t.say(b.String())
}

// number reads the nth word of args, within 0 and most; a missing word is def.
func number(args string, n, def, most int) (int, error) {
	words := strings.Fields(args)
	if n >= len(words) {
		return def, nil
	}
	v, err := strconv.Atoi(words[n])
	if err != nil || v < 0 || v > most {
		return 0, &failure{protocol.Failure{
			Code: string(protocol.CodeInvalidRequest), Message: fmt.Sprintf("%q is no number from 0 to %d; give one or leave it out", words[n], most),
		}}
	}
	return v, nil
}

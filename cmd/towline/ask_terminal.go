package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// ask is a permission or a question that waits for the person at the terminal.
type ask struct {
	permission *protocol.Permission
	question   *protocol.Question
	// answers collects those to the question's parts so far.
	answers [][]string
}

// id returns the ask's id.
func (a *ask) id() string {
	if a.permission != nil {
		return a.permission.PermissionID
	}
	return a.question.QuestionID
}

// invite is what stands before the cursor.
func (a *ask) invite() string {
	if a.permission == nil {
		item := a.question.Questions[len(a.answers)]
		if item.MultiSelect {
			return fmt.Sprintf("%s (numbers with commas, or text)? ", firstOf(item.Header, "answer"))
		}
		return fmt.Sprintf("%s (number or text)? ", firstOf(item.Header, "answer"))
	}
	words := []string{"y", "n"}
	meaning := ""
	if o := broadOption(a.permission); o != nil {
		words = append(words, "always")
		meaning = "(always: " + harmless(o.Label) + ") "
	}
	if a.permission.Editable {
		words = append(words, "edit")
	}
	return fmt.Sprintf("%s? [%s] %s", a.permission.PermissionID, strings.Join(words, "/"), meaning)
}

// broadOption is the widest allow that reaches beyond this request.
func broadOption(p *protocol.Permission) *protocol.PermissionOption {
	var found *protocol.PermissionOption
	for i := range p.Options {
		o := &p.Options[i]
		if o.Decision == protocol.Allow && o.Scope != protocol.ScopeOnce {
			found = o
		}
	}
	return found
}

// decide turns a typed line into a command; nil means that the line was not
// understood, or that there is more to ask.
func (a *ask) decide(ctx context.Context, t *terminal, line string) (protocol.Command, error) {
	if a.permission != nil {
		return a.decidePermission(ctx, t, line)
	}
	item := a.question.Questions[len(a.answers)]
	answer := chosen(item, line)
	if len(answer) == 0 {
		return nil, nil //nolint:nilnil // nothing to send yet is no error
	}
	a.answers = append(a.answers, answer)
	if len(a.answers) < len(a.question.Questions) {
		return nil, nil //nolint:nilnil // the next part is asked first
	}
	return &protocol.QuestionAnswer{QuestionID: a.question.QuestionID, Answers: a.answers}, nil
}

// decidePermission understands y, n (with a word for the agent behind it),
// always and edit.
func (a *ask) decidePermission(ctx context.Context, t *terminal, line string) (protocol.Command, error) {
	p := a.permission
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	d := &protocol.PermissionDecide{PermissionID: p.PermissionID, InputSHA256: p.InputSHA256}
	switch strings.ToLower(word) {
	case "y", "yes":
		d.Decision, d.Scope = protocol.Allow, protocol.ScopeOnce
	case "n", "no":
		d.Decision, d.Message = protocol.Deny, strings.TrimSpace(rest)
	case "a", "always":
		o := broadOption(p)
		if o == nil {
			return nil, nil //nolint:nilnil // not offered: ask again
		}
		d.OptionID = o.ID
	case "e", "edit":
		if !p.Editable || p.Tool == nil {
			return nil, nil //nolint:nilnil // not offered: ask again
		}
		input, err := edit(ctx, t, p.Tool.Input)
		if err != nil {
			return nil, err
		}
		d.Decision, d.Scope, d.Input = protocol.Allow, protocol.ScopeOnce, input
	default:
		return nil, nil //nolint:nilnil // not understood: ask again
	}
	return d, nil
}

// chosen turns numbers into labels; anything else is an answer in free text,
// if that is allowed.
func chosen(item protocol.QuestionItem, line string) []string {
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	fields := []string{line}
	if item.MultiSelect {
		fields = strings.Split(line, ",")
	}
	var labels []string
	for _, f := range fields {
		f = strings.TrimSpace(f)
		n, err := strconv.Atoi(f)
		switch {
		case err == nil && n >= 1 && n <= len(item.Options):
			labels = append(labels, item.Options[n-1].Label)
		case hasLabel(item, f) || item.FreeText:
			labels = append(labels, f)
		default:
			return nil
		}
	}
	return labels
}

func hasLabel(item protocol.QuestionItem, label string) bool {
	for _, o := range item.Options {
		if o.Label == label {
			return true
		}
	}
	return false
}

// edit opens the input in $EDITOR and returns what was saved.
func edit(ctx context.Context, t *terminal, input json.RawMessage) (json.RawMessage, error) {
	editor := strings.Fields(firstOf(t.lookup("VISUAL"), t.lookup("EDITOR"), "vi"))
	f, err := os.CreateTemp("", "towline-*.json") // made 0600
	if err != nil {
		return nil, fmt.Errorf("cannot make a file to edit: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(input); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot write the file to edit: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("cannot write the file to edit: %w", err)
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, t.err
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the editor %s failed: %w", editor[0], err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, fmt.Errorf("cannot read what was edited: %w", err)
	}
	if !json.Valid(b) {
		return nil, errors.New("what was saved is no JSON; nothing was sent")
	}
	return json.RawMessage(b), nil
}

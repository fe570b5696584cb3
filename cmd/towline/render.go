package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// maxOutputLines is how many lines of a command's output are shown.
const maxOutputLines = 20

// renderer writes a session's events as text for people. It keeps the first
// error of its writer.
type renderer struct {
	out    io.Writer
	colour bool
	err    error

	midLine  bool            // the last character was no line end
	streamed map[string]bool // items whose text came as deltas
	open     string          // the item that the last delta belonged to
}

func newRenderer(out io.Writer, colour bool) *renderer {
	return &renderer{out: out, colour: colour, streamed: make(map[string]bool)}
}

// write adds text as it is, in a colour.
func (r *renderer) write(c colour, text string) {
	if text == "" || r.err != nil {
		return
	}
	r.midLine = !strings.HasSuffix(text, "\n")
	text = harmless(text)
	if r.colour && c != plain {
		text = string(c) + text + endColour
	}
	_, r.err = io.WriteString(r.out, text)
}

// linef writes a line of its own.
func (r *renderer) linef(c colour, format string, args ...any) {
	r.breakLine()
	r.write(c, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	r.breakLine()
}

// breakLine ends a line that was begun.
func (r *renderer) breakLine() {
	if r.midLine {
		r.write(plain, "\n")
	}
}

// event writes one event. Types that tell people nothing are left out.
func (r *renderer) event(e protocol.Event) {
	switch d := e.Data.(type) {
	case *protocol.PromptAccepted:
		r.linef(bold, "> %s", protocol.Preview(d.Content, 2000))
	case *protocol.ItemDelta:
		r.delta(d)
	case *protocol.ItemStarted:
		r.itemStarted(&d.Item)
	case *protocol.ItemCompleted:
		r.itemCompleted(&d.Item)
	case *protocol.PermissionRequested:
		r.permission(&d.Permission)
	case *protocol.PermissionResolved:
		r.permissionResolved(d)
	case *protocol.QuestionRequested:
		r.question(&d.Question)
	case *protocol.QuestionResolved:
		r.linef(dim, "  question %s: %s", d.QuestionID, d.Outcome)
	case *protocol.PlanUpdated:
		r.plan(d)
	case *protocol.TurnEnded:
		r.turnEnded(d)
	default:
		r.lifeEvent(d)
	}
}

// lifeEvent writes events of the session's and the agent's life.
func (r *renderer) lifeEvent(data protocol.Data) {
	switch d := data.(type) {
	case *protocol.SessionEnded:
		r.linef(dim, "session ended: %s %s", d.Reason, d.Message)
	case *protocol.AgentExited:
		if d.Message != "" {
			r.linef(dim, "the agent's process ended: %s", d.Message)
		}
	case *protocol.AgentUnparsed:
		r.linef(yellow, "! the agent sent something that was not understood: %s", d.Error)
	case *protocol.PromptWithdrawn:
		r.linef(dim, "prompt %s was withdrawn %s", d.PromptID, d.Reason)
	case *protocol.Notice:
		r.linef(yellow, "! %s", d.Message)
	case *protocol.ErrorEvent:
		r.linef(red, "! %s", d.Message)
	}
}

// delta streams text; the input of tools is shown when it is whole.
func (r *renderer) delta(d *protocol.ItemDelta) {
	if d.Kind == protocol.DeltaToolInput {
		return
	}
	if r.open != d.ItemID {
		r.breakLine()
		r.open = d.ItemID
	}
	r.streamed[d.ItemID] = true
	c := plain
	if d.Kind != protocol.DeltaText {
		c = dim
	}
	r.write(c, d.Text)
}

func (r *renderer) itemStarted(item *protocol.Item) {
	if item.Kind == protocol.KindToolCall && item.Tool != nil {
		r.linef(cyan, "* %s", toolTitle(item.Tool))
	}
}

// toolTitle is what a tool does, in one line.
func toolTitle(tool *protocol.Tool) string {
	if tool.Title != "" {
		return tool.Title
	}
	return tool.Name
}

// itemCompleted writes what was not streamed.
func (r *renderer) itemCompleted(item *protocol.Item) {
	streamed := r.streamed[item.ID]
	delete(r.streamed, item.ID)
	r.breakLine()
	if item.Role == "user" {
		return // the prompt was shown when it was accepted
	}
	for i := range item.Content {
		r.part(item, &item.Content[i], streamed)
	}
	if item.Kind == protocol.KindToolCall && item.Status != protocol.ItemDone {
		r.linef(red, "  %s", item.Status)
	}
}

// part writes a content part of a completed item.
func (r *renderer) part(item *protocol.Item, p *protocol.Part, streamed bool) {
	switch p.Type {
	case protocol.PartText:
		if !streamed {
			r.linef(plain, "%s", p.Text)
		}
	case protocol.PartReasoning:
		if !streamed {
			r.linef(dim, "%s", p.Text)
		}
	case protocol.PartDiff:
		r.diff(p)
	case protocol.PartCommand:
		if !streamed {
			r.output(p.Output)
		}
		if p.ExitCode != nil && *p.ExitCode != 0 {
			r.linef(red, "  exit code %d", *p.ExitCode)
		}
	case protocol.PartStatus:
		r.linef(dim, "  %s %s", p.Label, p.Detail)
	case protocol.PartImage, protocol.PartFile, protocol.PartResourceLink:
		r.linef(dim, "  [%s %s]", p.Type, firstOf(p.Path, p.Name, p.URL, p.Mime))
	case protocol.PartJSON:
		if item.Kind != protocol.KindToolCall {
			r.linef(dim, "%s", p.JSON)
		}
	}
}

// output writes the first lines of a command's output.
func (r *renderer) output(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for _, l := range lines[:min(len(lines), maxOutputLines)] {
		r.linef(dim, "  %s", l)
	}
	if more := len(lines) - maxOutputLines; more > 0 {
		r.linef(dim, "  ... %d more lines", more)
	}
}

// plan writes the whole to-do list.
func (r *renderer) plan(d *protocol.PlanUpdated) {
	marks := map[string]string{"completed": "x", "in_progress": ">"}
	for _, e := range d.Entries {
		mark := marks[e.Status]
		if mark == "" {
			mark = " "
		}
		r.linef(dim, "  [%s] %s", mark, e.Text)
	}
}

// turnEnded writes the outcome and what it cost.
func (r *renderer) turnEnded(d *protocol.TurnEnded) {
	c := dim
	text := fmt.Sprintf("-- %s in %.1f s", d.Outcome, float64(d.DurationMS)/1000)
	if d.Outcome != protocol.OutcomeCompleted {
		c = red
	}
	if d.Usage != nil {
		text += fmt.Sprintf(", %d tokens in, %d out", d.Usage.InputTokens, d.Usage.OutputTokens)
	}
	if d.CostUSD != nil {
		text += fmt.Sprintf(", $%.4f", *d.CostUSD)
	}
	if d.Error != nil {
		text += ": " + d.Error.Message
	}
	r.linef(c, "%s", text)
}

// firstOf returns the first word that is not empty.
func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

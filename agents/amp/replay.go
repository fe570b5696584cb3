package amp

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to a translator. A line is
// {"dir":"in"|"out"|"signal"|"exit","t_ms":N,"frame":{...}}; a recording of
// several processes is one connection. What a delegate asked is not recorded.
type replay struct {
	t       *translator
	prompts int
	// begun tells that the agent's start was reported.
	begun bool
}

func newReplay() *replay { return &replay{t: newTranslator(setup{})} }

// recordedLine is one line of a recording.
type recordedLine struct {
	Dir   string          `json:"dir"`
	Frame json.RawMessage `json:"frame"`
}

// In returns the commands that the server would have sent for a line that went
// to the agent. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var l recordedLine
	if json.Unmarshal(line, &l) != nil {
		return nil
	}
	c := r.command(l)
	if c == nil {
		return nil
	}
	if _, err := r.t.Command(c); err != nil {
		return nil // as the server would
	}
	return []agents.Command{c}
}

// command maps one recorded line; nil for what is no command.
func (r *replay) command(l recordedLine) agents.Command {
	if l.Dir == "signal" {
		return &agents.Interrupt{}
	}
	var f struct {
		Message struct {
			Content []struct {
				Type   string      `json:"type"`
				Text   string      `json:"text"`
				Source imageSource `json:"source"`
			} `json:"content"`
		} `json:"message"`
	}
	if json.Unmarshal(l.Frame, &f) != nil || len(f.Message.Content) == 0 {
		return nil
	}
	r.prompts++
	p := &agents.Prompt{PromptID: "m" + strconv.Itoa(r.prompts), Steer: r.t.turn.open || len(r.t.prompts) > 0}
	for _, b := range f.Message.Content {
		c := agents.Content{Part: protocol.TextPart(b.Text)}
		if b.Type == "image" {
			c.Part = protocol.Part{Type: protocol.PartImage, Mime: b.Source.MediaType}
			c.Bytes, _ = base64.StdEncoding.DecodeString(b.Source.Data) // what is not base64 has no bytes
		}
		p.Content = append(p.Content, c)
	}
	return p
}

// Out returns what a line from the agent meant.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l recordedLine
	if json.Unmarshal(line, &l) != nil || len(l.Frame) == 0 {
		l.Frame = line
	}
	var o output
	if !r.begun {
		r.begun = true
		o.emit(&protocol.AgentStarted{})
	}
	if l.Dir == "exit" {
		var exit struct {
			Code   *int   `json:"code"`
			Signal string `json:"signal"`
		}
		_ = json.Unmarshal(l.Frame, &exit) // without a code it says just that
		if !r.t.exited(&protocol.AgentExited{ExitCode: exit.Code, Signal: exit.Signal}, &o) {
			r.begun = false
		}
		r.t.over = false // what follows is for the next process
		return []agents.Report{o.Report}
	}
	report := r.t.Native(l.Frame).Report
	report.Events = append(o.Events, report.Events...)
	report.Raw = l.Frame
	return []agents.Report{report}
}

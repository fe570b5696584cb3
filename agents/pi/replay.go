package pi

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to a translator. A line is
// {"dir":"in"|"out"|"exit","t_ms":N,"frame":{...}}.
type replay struct {
	t       *translator
	prompts int
	// recordedID is the id of the request that the recorded client sent.
	recordedID string
	// asked are requests of the translator that the recorded client did not
	// make. Their answers are made up where Pi would have given them: before
	// the first line that shows what Pi does next.
	asked   []string
	version int
	// pending are events that a recorded line caused before the next output.
	pending []protocol.Data
}

func newReplay() *replay { return &replay{} }

// begin starts over with a fresh translator, as for another process.
func (r *replay) begin() {
	r.t = newTranslator(setup{Resumed: r.version > 0})
	r.version++
	r.t.requestID = func() string { return r.recordedID }
	r.pending = append(r.pending, &protocol.AgentStarted{})
}

// recordedFrame is what of a recorded frame tells the command behind it.
type recordedFrame struct {
	Type      string        `json:"type"`
	ID        string        `json:"id"`
	Message   string        `json:"message"`
	Images    []nativeImage `json:"images"`
	Behavior  string        `json:"streamingBehavior"`
	Provider  string        `json:"provider"`
	Model     string        `json:"modelId"`
	Level     string        `json:"level"`
	Name      string        `json:"name"`
	Confirmed *bool         `json:"confirmed"`
	Value     *string       `json:"value"`
	Cancelled bool          `json:"cancelled"`
}

// recordedLine is one line of a recording.
type recordedLine struct {
	Dir   string          `json:"dir"`
	Frame json.RawMessage `json:"frame"`
}

// In returns the commands that the server would have sent for a line that went
// to the agent. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var l recordedLine
	var f recordedFrame
	if json.Unmarshal(line, &l) != nil || json.Unmarshal(l.Frame, &f) != nil {
		return nil
	}
	if r.t == nil {
		r.begin()
	}
	r.answerAsked()
	r.recordedID = f.ID
	c := r.command(f)
	if c == nil {
		if f.Type != "" {
			r.t.requests[f.ID] = request{command: f.Type}
		}
		return nil
	}
	if _, err := r.t.Command(c); err != nil {
		return nil // as the server would: a late answer goes nowhere
	}
	return []agents.Command{c}
}

// Out returns what a line from the agent meant.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l recordedLine
	if json.Unmarshal(line, &l) != nil || len(l.Frame) == 0 {
		l.Frame = line
	}
	if r.t == nil {
		r.begin()
	}
	if !goesOn(l.Frame) {
		r.answerAsked()
	}
	var reports []agents.Report
	if l.Dir == "exit" {
		var exit struct {
			Code   *int   `json:"code"`
			Signal string `json:"signal"`
		}
		_ = json.Unmarshal(l.Frame, &exit) // without a code it says just that
		r.pending = append(r.pending, &protocol.AgentExited{ExitCode: exit.Code, Signal: exit.Signal})
		r.t = nil
	}
	if len(r.pending) > 0 {
		reports = append(reports, agents.Report{Events: r.pending})
		r.pending = nil
	}
	if l.Dir == "exit" {
		return reports
	}
	return append(reports, r.native(l.Frame))
}

// native translates a frame and notes what the translator asks by itself.
func (r *replay) native(frame json.RawMessage) agents.Report {
	r.recordedID = "replay-" + strconv.Itoa(len(r.asked))
	out := r.t.Native(frame)
	for _, sent := range out.Frames {
		var f recordedFrame
		if json.Unmarshal(sent, &f) == nil && f.Type == "get_state" {
			r.asked = append(r.asked, f.ID)
		}
	}
	report := out.Report
	report.Raw = frame
	return report
}

// goesOn tells whether a frame shows that Pi goes on with a turn by itself.
func goesOn(frame json.RawMessage) bool {
	var f recordedFrame
	_ = json.Unmarshal(frame, &f) // what cannot be read goes on with nothing
	return f.Type == "auto_retry_start" || f.Type == "compaction_start" || f.Type == "agent_start"
}

// answerAsked answers what the translator asked.
func (r *replay) answerAsked() {
	asked := r.asked
	r.asked = nil
	for _, id := range asked {
		answer := map[string]any{"type": "response", "command": "get_state", "id": id, "success": true, "data": map[string]any{"isStreaming": true}}
		r.pending = append(r.pending, r.t.Native(encode(answer)).Events...)
	}
}

// command maps one recorded frame; nil for plumbing.
func (r *replay) command(f recordedFrame) agents.Command {
	switch f.Type {
	case "prompt", "steer", "follow_up":
		r.prompts++
		content := []agents.Content{{Part: protocol.TextPart(f.Message)}}
		for _, i := range f.Images {
			data, _ := base64.StdEncoding.DecodeString(i.Data) // what is not base64 has no bytes
			content = append(content, agents.Content{Part: protocol.Part{Type: protocol.PartImage, Mime: i.Mime}, Bytes: data})
		}
		return &agents.Prompt{PromptID: "m" + strconv.Itoa(r.prompts), Content: content, Steer: f.Type != "prompt" || r.t.turn.open}
	case "abort":
		return &agents.Interrupt{}
	case "set_model":
		word := f.Provider + "/" + f.Model
		return &agents.Configure{Model: &word}
	case "set_thinking_level":
		return &agents.Configure{Effort: &f.Level}
	case "set_session_name":
		return &agents.Configure{Title: &f.Name}
	case "extension_ui_response":
		return r.dialogCommand(f)
	default:
		return nil
	}
}

// dialogCommand maps the answer to a dialog.
func (r *replay) dialogCommand(f recordedFrame) agents.Command {
	a := r.t.asks[f.ID]
	switch {
	case a == nil:
		return nil
	case a.tool == nil && f.Cancelled:
		return &agents.RejectQuestion{QuestionID: a.id}
	case a.tool == nil:
		return &agents.Answer{QuestionID: a.id, Answers: [][]string{{f.text()}}}
	}
	var v vote
	if f.Value != nil {
		_ = json.Unmarshal([]byte(*f.Value), &v) // what is no vote allows nothing
	}
	v.Allow = v.Allow || f.Confirmed != nil && *f.Confirmed
	option := agents.GrantOptions(a.tool)[0]
	if !v.Allow {
		option = agents.GrantOptions(a.tool)[2]
	}
	return &agents.Decide{PermissionID: a.id, Option: option, Message: v.Message, Input: v.Input}
}

// text is what was answered to a question.
func (f recordedFrame) text() string {
	switch {
	case f.Value != nil:
		return *f.Value
	case f.Confirmed != nil && *f.Confirmed:
		return answerYes
	default:
		return answerNo
	}
}

package acp

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// replay feeds a recording to a translator. A line is
// {"dir":"in"|"out","t_ms":N,"frame":{...}}; one recording may hold several
// processes, each of which begins with an initialize request.
type replay struct {
	entry   Entry
	t       *translator
	prompts int
	// recordedID is the id of the request that the recorded client sent.
	recordedID jsonrpc.ID
	// pending are events that a recorded line caused before the next output.
	pending []protocol.Data
	// exited tells that the recording told how the process ended.
	exited bool
}

func newReplay(e Entry) *replay { return &replay{entry: e} }

// begin starts over with a fresh translator, as for another process.
func (r *replay) begin() {
	if r.t != nil && !r.exited {
		r.pending = append(r.pending, &protocol.AgentExited{Message: "the recording goes on with another process of the agent"})
	}
	r.t = newTranslator(setup{Quirks: &r.entry.Quirks, Title: r.entry.title(), Directory: "/replay", Recorded: true})
	r.t.peer.NextID = func() jsonrpc.ID { return r.recordedID }
	r.exited = false
	r.pending = append(r.pending, &protocol.AgentStarted{})
}

// recordedFrame is what of a recorded frame tells the command behind it.
type recordedFrame struct {
	ID     jsonrpc.ID `json:"id"`
	Method string     `json:"method"`
	Params struct {
		SessionID string         `json:"sessionId"`
		Prompt    []contentBlock `json:"prompt"`
		Mode      string         `json:"modeId"`
		Model     string         `json:"modelId"`
		ConfigID  string         `json:"configId"`
		Value     string         `json:"value"`
	} `json:"params"`
	Result struct {
		Outcome struct {
			Outcome  string `json:"outcome"`
			OptionID string `json:"optionId"`
		} `json:"outcome"`
		Action  string                     `json:"action"`
		Content map[string]json.RawMessage `json:"content"`
	} `json:"result"`
}

// In returns the commands that the server would have sent for a line that went
// to the agent. The translator has then seen them.
func (r *replay) In(line json.RawMessage) []agents.Command {
	var l struct {
		Frame recordedFrame `json:"frame"`
	}
	if json.Unmarshal(line, &l) != nil {
		return nil
	}
	f := l.Frame
	if r.t == nil || f.Method == "initialize" {
		r.begin()
	}
	r.recordedID = f.ID
	if r.open(f) {
		return nil
	}
	c := r.command(f)
	if c == nil {
		return nil
	}
	out, err := r.t.Command(c)
	if err != nil {
		return nil // as the server would: a late answer goes nowhere
	}
	r.pending = append(r.pending, out.Events...)
	return []agents.Command{c}
}

// open makes the translator await the answer to a request of the opening.
func (r *replay) open(f recordedFrame) bool {
	var o output
	switch f.Method {
	case "initialize":
		r.t.Open()
	case "session/new":
		r.t.newSession(&o)
	case "session/load":
		r.t.setup.Resume = f.Params.SessionID
		r.t.loadSession(&o)
	case "session/resume":
		r.t.setup.Resume = f.Params.SessionID
		r.t.resumeSession(&o)
	default:
		if f.Method == "" || slices.Contains(commandMethods, f.Method) {
			return false
		}
		r.t.call(f.Method, nil, func(json.RawMessage, *jsonrpc.Error, *output) {}, &o)
	}
	return true
}

// commandMethods are what commands send; other requests mean nothing here.
var commandMethods = []string{
	"session/prompt", "session/cancel", "session/set_mode", "session/set_model", "session/set_config_option",
}

// Out returns what a line from the agent meant; dir exit tells its end.
func (r *replay) Out(line json.RawMessage) []agents.Report {
	var l struct {
		Dir   string          `json:"dir"`
		Frame json.RawMessage `json:"frame"`
	}
	if json.Unmarshal(line, &l) != nil || l.Frame == nil {
		l.Frame = line
	}
	if r.t == nil {
		r.begin()
	}
	var reports []agents.Report
	if len(r.pending) > 0 {
		reports = append(reports, agents.Report{Events: r.pending})
		r.pending = nil
	}
	if l.Dir == "exit" {
		exit := &protocol.AgentExited{}
		var f struct {
			Code   *int   `json:"code"`
			Signal string `json:"signal"`
		}
		if json.Unmarshal(l.Frame, &f) == nil {
			exit.ExitCode, exit.Signal = f.Code, f.Signal
		}
		r.exited = true
		return append(reports, agents.Report{Events: []protocol.Data{exit}})
	}
	report := r.t.Native(l.Frame).Report
	report.Raw = l.Frame
	return append(reports, report)
}

// command maps one recorded frame; nil for plumbing.
func (r *replay) command(f recordedFrame) agents.Command {
	switch f.Method {
	case "session/prompt":
		r.prompts++
		if r.t.session == "" {
			r.t.session = f.Params.SessionID // the recorded client prompted all the same
		}
		return &agents.Prompt{
			PromptID: "m" + strconv.Itoa(r.prompts), Content: recordedContent(f.Params.Prompt), Steer: len(r.t.prompts) > 0,
		}
	case "session/cancel":
		return &agents.Interrupt{}
	case "session/set_mode":
		return &agents.Configure{Mode: &f.Params.Mode}
	case "session/set_model":
		return &agents.Configure{Model: &f.Params.Model}
	case "session/set_config_option":
		return r.setting(f)
	}
	a := r.t.asks[f.ID]
	switch {
	case a == nil:
		return nil
	case a.form != nil:
		return recordedAnswer(f, a)
	}
	for _, o := range a.options {
		if o.ID == f.Result.Outcome.OptionID {
			return &agents.Decide{PermissionID: string(f.ID), Option: o}
		}
	}
	return nil
}

// setting maps a config option by what it is.
func (r *replay) setting(f recordedFrame) agents.Command {
	switch f.Params.ConfigID {
	case r.t.settings.mode.option:
		return &agents.Configure{Mode: &f.Params.Value}
	case r.t.settings.model.option:
		return &agents.Configure{Model: &f.Params.Value}
	default:
		return &agents.Configure{Effort: &f.Params.Value}
	}
}

// recordedContent maps the blocks of a recorded prompt back to parts.
func recordedContent(blocks []contentBlock) []agents.Content {
	content := make([]agents.Content, 0, len(blocks))
	for _, b := range blocks {
		content = append(content, agents.Content{Part: part(b, encode(b)), Bytes: b.Data})
	}
	return content
}

// recordedAnswer maps the answer to a form.
func recordedAnswer(f recordedFrame, a *ask) agents.Command {
	if f.Result.Action != "accept" {
		return &agents.RejectQuestion{QuestionID: string(a.id)}
	}
	answers := [][]string{}
	for _, field := range a.form.fields {
		answers = append(answers, recordedValue(f.Result.Content, field.name, field.custom))
	}
	if len(answers) == 0 {
		answers = append(answers, []string{"OK"})
	}
	return &agents.Answer{QuestionID: string(a.id), Answers: answers}
}

// recordedValue is the value of the first of the names that has one.
func recordedValue(content map[string]json.RawMessage, names ...string) []string {
	for _, name := range names {
		var one string
		var many []string
		switch raw := content[name]; {
		case absent(raw):
			continue
		case json.Unmarshal(raw, &one) == nil:
			return []string{one}
		case json.Unmarshal(raw, &many) == nil:
			return many
		default:
			return []string{string(raw)}
		}
	}
	return []string{}
}

package pi

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// ask is a dialog that waits for its answer.
type ask struct {
	id string
	// method is select, confirm, input or editor.
	method string
	// tool is what a permission is for; nil for a question.
	tool *protocol.Tool
	// timeout is how long it is open; 0 means until it is answered.
	timeout time.Duration
}

// maxAsks bounds the dialogs that wait.
const maxAsks = 1024

var errTooMany = errors.New("too many dialogs wait, so this one was closed")

// dialogRequest is an extension_ui_request.
type dialogRequest struct {
	ID          string   `json:"id"`
	Method      string   `json:"method"`
	Title       string   `json:"title"`
	Message     string   `json:"message"`
	Placeholder string   `json:"placeholder"`
	Prefill     string   `json:"prefill"`
	Options     []string `json:"options"`
	NotifyType  string   `json:"notifyType"`
	// Timeout is in ms; 0 or less for none.
	Timeout float64 `json:"timeout"`
}

// open is how long the dialog can be answered; 0 means without an end. It ends
// a little before Pi's own time, which began earlier: so no answer is sent that
// Pi takes no more.
func (d dialogRequest) open() time.Duration {
	ms := d.Timeout
	switch {
	case ms <= 0:
		return 0
	case ms > math.MaxInt32:
		ms = 1 // which Node makes of it
	}
	timeout := time.Duration(ms * float64(time.Millisecond))
	return timeout - min(timeout/10, 100*time.Millisecond)
}

// gateTitle is the title of what gate.ts asks.
const gateTitle = "towline:permission"

// oneWay are the methods that show something and wait for nothing.
var oneWay = map[string]bool{"notify": true, "setStatus": true, "setWidget": true, "setTitle": true, "set_editor_text": true}

// gate tells whether a dialog is the gate's, by its title, so that dialogs of
// the user's own extensions become questions (section 5). A gate that can only
// hear yes or no asks with confirm.
func (d dialogRequest) gate() (gateAsk, bool) {
	var a gateAsk
	text := ""
	switch {
	case d.Method == "input" && d.Title == gateTitle:
		text = d.Placeholder
	case d.Method == "confirm" && d.Title == "permission":
		text = d.Message
	}
	return a, json.Unmarshal([]byte(text), &a) == nil && a.ToolCallID != "" && a.Tool != ""
}

// dialog takes what an extension shows or asks. One that will get no answer is
// closed: its extension may wait for it.
func (t *translator) dialog(frame []byte, o *output) error {
	var d dialogRequest
	bad := json.Unmarshal(frame, &d) != nil // what has the right type is there all the same
	if oneWay[d.Method] {
		d.show(o)
		return nil
	}
	var err error
	switch known := slices.Contains([]string{"select", "confirm", "input", "editor"}, d.Method); {
	case !known:
		err = errUnknown
	case bad, d.ID == "":
		err = errShape
	default:
		err = t.asked(d, o)
	}
	if err != nil && d.ID != "" {
		o.send(cancelled(d.ID))
	}
	return err
}

// show tells what an extension says. The other methods decorate a terminal that
// is not there.
func (d dialogRequest) show(o *output) {
	if d.Method != "notify" {
		return
	}
	level := "info"
	if d.NotifyType == "warning" || d.NotifyType == "error" {
		level = "warning"
	}
	o.notice(level, "extension", d.Message, nil)
}

// asked takes a dialog that waits for an answer.
func (t *translator) asked(d dialogRequest, o *output) error {
	if a, ok := d.gate(); ok {
		return t.permission(d, a, o)
	}
	return t.question(d, o)
}

// wait keeps a dialog until it is answered.
func (t *translator) wait(a *ask) error {
	if len(t.asks) >= maxAsks {
		return errTooMany
	}
	t.asks[a.id] = a
	return nil
}

// expire closes a dialog whose time is over; Pi closes it by itself.
func (t *translator) expire(id string) agents.Report {
	var o output
	a := t.asks[id]
	switch {
	case a == nil:
	case a.tool != nil:
		o.withdrawPermission(id)
	default:
		o.emit(&protocol.QuestionResolved{QuestionID: id, Outcome: protocol.QuestionCancelled, By: protocol.Actor{Kind: "agent"}, Reason: "agent_withdrew"})
	}
	delete(t.asks, id)
	return o.Report
}

// dialogAnswer is an extension_ui_response.
type dialogAnswer struct {
	Type      string  `json:"type"`
	ID        string  `json:"id"`
	Confirmed *bool   `json:"confirmed,omitempty"`
	Value     *string `json:"value,omitempty"`
	Cancelled bool    `json:"cancelled,omitempty"`
}

// cancelled closes a dialog without an answer.
func cancelled(id string) dialogAnswer {
	return dialogAnswer{Type: "extension_ui_response", ID: id, Cancelled: true}
}

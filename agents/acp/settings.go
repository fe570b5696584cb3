package acp

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/jsonrpc"
	"github.com/towline-dev/towline/protocol"
)

// settings are what can be chosen in a session. The newer way to tell them are
// config options by category; the older ones are modes, and models, which are
// gone from the schema and still used (section 2).
type settings struct {
	mode, model, effort setting
	// others are options of other categories, or of none: no field of a session
	// stands for them.
	others []otherOption
}

// otherOption is an option that cannot be chosen, as a notice tells it.
type otherOption struct {
	ID       string          `json:"id"`
	Name     string          `json:"name,omitempty"`
	Category string          `json:"category,omitempty"`
	Current  json.RawMessage `json:"current,omitempty"`
}

// setting is one of them.
type setting struct {
	// name is how clients call it.
	name string
	// option is the config option's id; empty for the older ways.
	option  string
	current string
	choices []choice
}

// read takes over what a frame tells.
func (s *settings) read(f settingsFrame) {
	s.mode.name, s.model.name, s.effort.name = "mode", "model", "effort"
	if f.Modes != nil {
		s.mode.current, s.mode.choices = f.Modes.Current, f.Modes.Available
	}
	if f.Models != nil {
		s.model.current, s.model.choices = f.Models.Current, nil
		for _, m := range f.Models.Available {
			s.model.choices = append(s.model.choices, choice{ID: m.ID, Name: m.Name, Description: m.Description})
		}
	}
	if f.Options != nil {
		s.others = nil
	}
	for _, option := range f.Options {
		switch option.Category {
		case "mode":
			s.mode.take(option)
		case "model":
			s.model.take(option)
		case "thought_level":
			s.effort.take(option)
		default:
			if len(s.others) < maxOthers {
				s.others = append(s.others, other(option))
			}
		}
	}
}

// What a notice of other options may hold: so many, and so many bytes of a
// value; a longer one is left out.
const (
	maxOthers  = 50
	maxCurrent = 256
)

func other(option configOption) otherOption {
	o := otherOption{ID: option.ID, Name: agents.OneLine(option.Name), Category: option.Category}
	if len(option.Current) <= maxCurrent {
		o.Current = option.Current
	}
	return o
}

// tellOthers tells the options that cannot be chosen, unless nothing changed.
func (t *translator) tellOthers(o *output) {
	list := string(encode(t.settings.others))
	if list == t.others || (len(t.settings.others) == 0 && t.others == "") {
		return
	}
	t.others = list
	if len(t.settings.others) == 0 {
		return
	}
	names := make([]string, 0, len(t.settings.others))
	for _, option := range t.settings.others {
		names = append(names, cmp.Or(option.Name, option.ID)+" ("+cmp.Or(strings.Trim(string(option.Current), `"`), "...")+")")
	}
	o.notice("info", "settings_unsupported", "the agent has settings that are not chosen through a session: "+agents.OneLine(strings.Join(names, ", ")),
		map[string]any{"options": t.settings.others})
}

// take takes over a config option.
func (s *setting) take(option configOption) {
	var current string
	if json.Unmarshal(option.Current, &current) != nil {
		return // not one of several texts
	}
	s.option, s.current, s.choices = option.ID, current, nil
	for _, o := range option.Options {
		if o.Value != "" {
			s.choices = append(s.choices, choice{ID: o.Value, Name: o.Name, Description: o.Description})
		}
		for _, in := range o.Options {
			s.choices = append(s.choices, choice{ID: in.Value, Name: in.Name, Description: in.Description})
		}
	}
}

// find returns the choice that a client means, by its id or name; empty for
// none. The error is mode_not_supported or invalid_request.
func (s *setting) find(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	code := protocol.CodeInvalidRequest
	if s.name == "mode" {
		code = protocol.CodeModeNotSupported
	}
	if len(s.choices) == 0 {
		return "", protocol.Errorf(code, "this agent lets nobody choose its %s; leave it out", s.name)
	}
	for _, match := range []func(choice) bool{
		func(c choice) bool { return c.ID == value },
		func(c choice) bool { return c.Name == value },
	} {
		if i := slices.IndexFunc(s.choices, match); i >= 0 {
			return s.choices[i].ID, nil
		}
	}
	return "", protocol.Errorf(code, "this agent has no %s %q; take one of: %s", s.name, agents.OneLine(value), strings.Join(s.ids(), ", "))
}

func (s *setting) ids() []string {
	ids := make([]string, 0, len(s.choices))
	for _, c := range s.choices {
		ids = append(ids, c.ID)
	}
	return ids
}

// changes returns what differs from before; nil for nothing.
func (s *settings) changes(before settings) *protocol.SessionUpdated {
	var u protocol.SessionUpdated
	changed := false
	for _, c := range []struct {
		now, was string
		to       **string
	}{
		{s.model.current, before.model.current, &u.Model},
		{s.mode.current, before.mode.current, &u.Mode},
		{s.effort.current, before.effort.current, &u.Effort},
	} {
		if c.now != c.was && c.now != "" {
			*c.to, changed = &c.now, true
		}
	}
	if !changed {
		return nil
	}
	return &u
}

// learn takes over new settings and reports what changed.
func (t *translator) learn(f settingsFrame, o *output) {
	before := t.settings
	t.settings.read(f)
	if u := t.settings.changes(before); u != nil {
		o.emit(u)
	}
	t.tellOthers(o)
}

// set asks the agent for another value.
func (t *translator) set(s *setting, value string, then func(*jsonrpc.Error, *output), o *output) {
	done := func(result json.RawMessage, err *jsonrpc.Error, o *output) {
		var f settingsFrame
		if err == nil {
			before := t.settings
			s.current = value
			if json.Unmarshal(result, &f) == nil {
				t.settings.read(f)
			}
			if u := t.settings.changes(before); u != nil {
				o.emit(u)
			}
			t.tellOthers(o)
		}
		then(err, o)
	}
	switch {
	case s.option != "":
		t.call("session/set_config_option", map[string]string{"sessionId": t.session, "configId": s.option, "value": value}, done, o)
	case s.name == "mode":
		t.call("session/set_mode", map[string]string{"sessionId": t.session, "modeId": value}, done, o)
	default:
		t.call("session/set_model", map[string]string{"sessionId": t.session, "modelId": value}, done, o)
	}
}

// configure changes settings, all or nothing. The title is the server's.
func (t *translator) configure(c *agents.Configure, o *output) error {
	if c.PermissionMode != nil {
		return noPermissionMode()
	}
	type change struct {
		s     *setting
		value string
	}
	var changes []change
	for _, want := range []struct {
		s     *setting
		value *string
	}{{&t.settings.model, c.Model}, {&t.settings.mode, c.Mode}, {&t.settings.effort, c.Effort}} {
		if want.value == nil {
			continue
		}
		value, err := want.s.find(*want.value)
		if err != nil {
			return err
		}
		if value != "" {
			changes = append(changes, change{want.s, value})
		}
	}
	for _, ch := range changes {
		t.set(ch.s, ch.value, func(err *jsonrpc.Error, o *output) {
			if err != nil {
				o.emit(&protocol.ErrorEvent{Code: "configure_failed", Message: "the agent refused " + ch.s.name + " " + agents.OneLine(ch.value) + ": " + errorText(err)})
			}
		}, o)
	}
	return nil
}

func noPermissionMode() error {
	return protocol.Errorf(protocol.CodeModeNotSupported, "this agent has modes and no permission modes; set mode instead")
}

// modeUpdate takes a change of mode that the agent made.
func (t *translator) modeUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Mode string `json:"currentModeId"`
	}
	if json.Unmarshal(raw, &f) != nil || f.Mode == "" {
		return errShape
	}
	before := t.settings
	t.settings.mode.current = f.Mode
	if u := t.settings.changes(before); u != nil {
		o.emit(u)
	}
	return nil
}

// optionsUpdate takes the whole list of config options.
func (t *translator) optionsUpdate(raw json.RawMessage, o *output) error {
	var f settingsFrame
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	t.learn(f, o)
	return nil
}

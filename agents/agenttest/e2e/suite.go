package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// mainScenarios are driven in both encodings; the others in JSON, with a second
// client that watches in msgpack.
var mainScenarios = []string{"text", "command_output", "edit", "ask_edited_input", "ask_deny_message", "question", "interrupt", "steer", "image"}

// Run drives an agent through all scenarios that its capabilities include. It
// is the conformance suite: what an agent claims, a scenario of these proves.
func Run(t *testing.T, a Adapter) {
	claimed := capabilities(a.New())
	for _, s := range a.scenarios() {
		if !includes(claimed, s.Proves) {
			continue
		}
		formats := []protocol.Format{protocol.FormatJSON}
		if slices.Contains(mainScenarios, s.Name) {
			formats = append(formats, protocol.FormatMsgpack)
		}
		for _, f := range formats {
			t.Run(s.Name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				runScenario(t, a, &s, f)
			})
		}
	}
}

// runScenario drives one scenario and checks what came of it.
func runScenario(t *testing.T, a Adapter, s *agenttest.Scenario, format protocol.Format) {
	place := a.Place(t)
	for name, text := range s.Files {
		ok(t, os.WriteFile(filepath.Join(place.Dir, name), []byte(text), 0o600))
	}
	server := Serve(t, place.Agent)
	d := drive(t, server, place, s, format)
	for i := range s.Steps {
		d.step(&s.Steps[i])
	}
	checkEvents(t, d, s)
	checkWorld(t, place, s)
	compareClients(t, d)
}

// checkEvents compares the session's events with what the scenario wants.
func checkEvents(t *testing.T, d *driver, s *agenttest.Scenario) {
	t.Helper()
	at := 0
	for _, w := range s.Wants {
		for at < len(d.Events) && !fits(w, d.Events[at]) {
			at++
		}
		if at == len(d.Events) {
			t.Errorf("there is no %s in its place", w)
			return
		}
		at++
	}
	for _, w := range s.Never {
		if d.has(w) {
			t.Errorf("there is a %s", w)
		}
	}
}

// checkWorld looks at the work folder and at what the model saw.
func checkWorld(t *testing.T, p *Place, s *agenttest.Scenario) {
	t.Helper()
	for name, want := range s.After {
		got, err := os.ReadFile(filepath.Join(p.Dir, name))
		if string(got) != want || want == "" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
	for _, text := range s.ModelSaw {
		if !modelSaw(p.Model, text) {
			t.Errorf("the model never saw %q", text)
		}
	}
	for _, text := range s.ModelNever {
		if modelSaw(p.Model, text) {
			t.Errorf("the model saw %q", text)
		}
	}
}

// compareClients attaches another client in the other encoding: it must get
// the same events, and the server's state must be the fold of them.
func compareClients(t *testing.T, d *driver) {
	t.Helper()
	other := protocol.FormatMsgpack
	if d.format == other {
		other = protocol.FormatJSON
	}
	state, err := d.server.Client.State(t.Context(), d.Session())
	ok(t, err)
	late := Record(t, d.server.Client, d.Session(), other)
	late.ReadTo(state.Seq)
	d.ReadTo(state.Seq)
	if diff := cmp.Diff(lines(t, d.Events[:state.Seq]), lines(t, late.Events[:state.Seq])); diff != "" {
		t.Errorf("the clients in %s and %s got different events: %s", d.format, other, diff)
	}
	fold := protocol.NewFold()
	for i := range d.Events[:state.Seq] {
		fold.Apply(&d.Events[i])
	}
	if diff := cmp.Diff(fold.State(), state); diff != "" {
		t.Errorf("the server's state is not the fold of the events: %s", diff)
	}
}

// lines encodes events, one a line.
func lines(t *testing.T, events []protocol.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(e)
		ok(t, err)
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// contains tells whether JSON holds a text within a string.
func contains(body []byte, text string) bool {
	quoted, err := json.Marshal(text)
	return err == nil && (bytes.Contains(body, quoted[1:len(quoted)-1]) || bytes.Contains(body, []byte(text)))
}

// capabilities are the names of what an agent claims.
func capabilities(a agents.Agent) []string {
	marks := map[string]bool{}
	b, err := json.Marshal(a.Capabilities())
	if err == nil {
		err = json.Unmarshal(b, &marks)
	}
	if err != nil {
		panic(err) // a struct of booleans
	}
	var names []string
	for name, claimed := range marks {
		if claimed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// includes tells whether all wanted words are there.
func includes(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// Check drives one scenario in a place that is its own, as a client in one of
// the encodings. What does not hold becomes a fault of t.
func Check(t agenttest.T, place *Place, s *agenttest.Scenario, format protocol.Format) {
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
func checkEvents(t agenttest.T, d *driver, s *agenttest.Scenario) {
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
	for _, w := range s.Also {
		if !d.has(w) {
			t.Errorf("there is no %s", w)
		}
	}
	for _, w := range s.Never {
		if d.has(w) {
			t.Errorf("there is a %s", w)
		}
	}
}

// checkWorld looks at the work folder and at what the model saw.
func checkWorld(t agenttest.T, p *Place, s *agenttest.Scenario) {
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
func compareClients(t agenttest.T, d *driver) {
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
	if diff := difference(lines(t, d.Events[:state.Seq]...), lines(t, late.Events[:state.Seq]...)); diff != "" {
		t.Errorf("the clients in %s and %s got different events: %s", d.format, other, diff)
	}
	fold := protocol.NewFold()
	for i := range d.Events[:state.Seq] {
		fold.Apply(&d.Events[i])
	}
	if diff := difference(lines(t, fold.State()), lines(t, state)); diff != "" {
		t.Errorf("the server's state is not the fold of the events: %s", diff)
	}
}

// lines encodes values as JSON, each on a line.
func lines[V any](t agenttest.T, values ...V) []string {
	t.Helper()
	encoded := make([]string, 0, len(values))
	for _, v := range values {
		line, err := json.Marshal(v)
		ok(t, err)
		encoded = append(encoded, string(line))
	}
	return encoded
}

// difference is the first line in which two texts differ; empty for none.
func difference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return "only the second has " + b[i]
		case i >= len(b):
			return "only the first has " + a[i]
		case a[i] != b[i]:
			return a[i] + " and " + b[i]
		}
	}
	return ""
}

// contains tells whether JSON holds a text within a string.
func contains(body []byte, text string) bool {
	quoted, err := json.Marshal(text)
	return err == nil && (bytes.Contains(body, quoted[1:len(quoted)-1]) || bytes.Contains(body, []byte(text)))
}

// capabilities are the names of what is claimed.
func capabilities(claims protocol.Capabilities) []string {
	marks := map[string]bool{}
	b, err := json.Marshal(claims)
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

package agenttest_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// Every capability is proven by a scenario, and no scenario proves what is
// none.
func TestScenariosProveAllCapabilities(t *testing.T) {
	t.Parallel()
	proven := map[string]bool{}
	for _, s := range agenttest.Scenarios() {
		for _, c := range s.Proves {
			proven[c] = true
		}
	}
	var all []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[protocol.Capabilities]()) {
		name := field.Tag.Get("json")
		all = append(all, name)
		if !proven[name] {
			t.Errorf("no scenario proves the capability %s", name)
		}
	}
	for name := range proven {
		if !slices.Contains(all, name) {
			t.Errorf("%s is no capability", name)
		}
	}
}

// What scenarios refer to is there.
func TestScenariosAreWhole(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range agenttest.Scenarios() {
		if s.Name == "" || names[s.Name] || len(s.Steps) == 0 || len(s.Wants) == 0 {
			t.Errorf("scenario %q: no name, or one that is taken, or no steps or wants", s.Name)
		}
		names[s.Name] = true
		for _, step := range s.Steps {
			if _, ok := s.Scripts[step.Script]; step.Script != "" && !ok {
				t.Errorf("%s: there is no script %s", s.Name, step.Script)
			}
		}
		wants := slices.Concat(s.Wants, s.Also, s.Never)
		for _, step := range s.Steps {
			if step.Kind == agenttest.StepAwait {
				wants = append(wants, step.Await)
			}
		}
		for _, w := range wants {
			checkWant(t, s.Name, w)
		}
	}
}

// checkWant fails the test if a want can fit no event: its type or one of its
// paths does not exist.
func checkWant(t *testing.T, scenario string, w agenttest.Want) {
	t.Helper()
	data := map[protocol.EventType]any{
		protocol.TypePromptAccepted: protocol.PromptAccepted{}, protocol.TypeTurnStarted: protocol.TurnStarted{},
		protocol.TypeTurnEnded: protocol.TurnEnded{}, protocol.TypeItemStarted: protocol.ItemStarted{},
		protocol.TypeItemDelta: protocol.ItemDelta{}, protocol.TypeItemCompleted: protocol.ItemCompleted{},
		protocol.TypePermissionRequested: protocol.PermissionRequested{}, protocol.TypePermissionResolved: protocol.PermissionResolved{},
		protocol.TypeQuestionRequested: protocol.QuestionRequested{}, protocol.TypeQuestionResolved: protocol.QuestionResolved{},
		protocol.TypePlanUpdated: protocol.PlanUpdated{}, protocol.TypeSessionUpdated: protocol.SessionUpdated{},
		protocol.TypeAgentExited: protocol.AgentExited{}, protocol.TypeAgentStarted: protocol.AgentStarted{},
	}[w.Type]
	if data == nil {
		t.Errorf("%s: %s is not a type that this test knows", scenario, w.Type)
		return
	}
	for path := range w.Has {
		if !hasPath(reflect.TypeOf(data), strings.Split(path, ".")) {
			t.Errorf("%s: %s has no %s", scenario, w.Type, path)
		}
	}
}

// hasPath tells whether JSON of the type can have the path.
func hasPath(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		return hasPath(t.Elem(), path[1:])
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == path[0] {
				return hasPath(field.Type, path[1:])
			}
		}
	}
	return false
}

// Every script can be played to Claude: the server answers its first round.
func TestScenariosPlay(t *testing.T) {
	t.Parallel()
	for _, s := range agenttest.Scenarios() {
		m := agenttest.NewMessages(t)
		for name, rounds := range s.Scripts {
			script := m.On(name, agenttest.InDir("/work", rounds)...)
			script.Release()
			history := user(script.Marker())
			for i := range rounds {
				if rounds[i].Fail == nil {
					if status, _, body := ask(t, m, true, history); status != 200 || !strings.Contains(body, "message_stop") {
						t.Errorf("%s: round %d of %s: %d %s", s.Name, i, name, status, body)
					}
				}
				history += `,{"role":"assistant","content":"x"},{"role":"user","content":[{"type":"tool_result","content":"y"}]}`
			}
		}
	}
}

func TestWantFits(t *testing.T) {
	t.Parallel()
	event, err := json.Marshal(protocol.ItemCompleted{Item: protocol.Item{
		Kind: protocol.KindToolCall, Status: protocol.ItemDone,
		Content: []protocol.Part{protocol.TextPart("one"), {Type: protocol.PartDiff, Added: 3, Unified: "+new\n"}},
	}})
	ok(t, err)
	for _, c := range []struct {
		has  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"item.kind": "tool_call"}, true},
		{map[string]string{"item.kind": "tool_call", "item.status": "failed"}, false},
		{map[string]string{"item.content.*.added": "3"}, true},
		{map[string]string{"item.content.1.added": "3"}, true},
		{map[string]string{"item.content.0.added": "3"}, false},
		{map[string]string{"item.content.*.unified": "~new"}, true},
		{map[string]string{"item.content.*.unified": "~old"}, false},
		{map[string]string{"item.status": "?"}, true},
		{map[string]string{"item.tool": "?"}, false},
		{map[string]string{"item.kind.deeper": "?"}, false},
	} {
		w := agenttest.Want{Type: protocol.TypeItemCompleted, Has: c.has}
		if got := w.Fits(protocol.TypeItemCompleted, event); got != c.want {
			t.Errorf("%s fits: %v", w, got)
		}
		if w.Fits(protocol.TypeItemStarted, event) || w.Fits(protocol.TypeItemCompleted, []byte("nonsense")) {
			t.Errorf("%s fits another event", w)
		}
	}
}

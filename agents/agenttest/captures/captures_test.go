package captures

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// The steps that the tests are made of. Each returns a fresh one.

func opens(prompts ...string) Step {
	return Step{Event: &protocol.TurnStarted{PromptIDs: prompts}}
}

func ends() Step  { return Step{Event: &protocol.TurnEnded{Outcome: protocol.OutcomeCompleted}} }
func exits() Step { return Step{Event: &protocol.AgentExited{}} }

func prompts(steer bool) Step { return Step{Command: &agents.Prompt{PromptID: "m", Steer: steer}} }

func message(id string) protocol.Item {
	return protocol.Item{ID: id, Kind: protocol.KindMessage, Role: "assistant", Status: protocol.ItemInProgress, Content: []protocol.Part{}}
}

func call(id string) protocol.Item {
	i := message(id)
	i.Kind, i.Role, i.Tool = protocol.KindToolCall, "", &protocol.Tool{Name: "Bash", Kind: protocol.ToolExecute, Input: json.RawMessage(`{"a":1}`)}
	return i
}

func begins(i protocol.Item) Step { return Step{Event: &protocol.ItemStarted{Item: i}} }

func completes(i protocol.Item, texts ...string) Step {
	i.Status, i.Content = protocol.ItemDone, []protocol.Part{}
	for _, t := range texts {
		i.Content = append(i.Content, protocol.TextPart(t))
	}
	return Step{Event: &protocol.ItemCompleted{Item: i}}
}

func delta(id string, kind protocol.DeltaKind, index int, text string) Step {
	return Step{Event: &protocol.ItemDelta{ItemID: id, Kind: kind, Index: index, Text: text}}
}

func text(s string) Step { return delta("i", protocol.DeltaText, 0, s) }

func asks(change func(*protocol.Permission)) Step {
	p := protocol.Permission{
		PermissionID: "p", ItemID: "c", Tool: call("c").Tool,
		Options: []protocol.PermissionOption{{ID: "y", Decision: protocol.Allow, Scope: protocol.ScopeOnce}, {ID: "n", Decision: protocol.Deny, Scope: protocol.ScopeOnce}},
	}
	if change != nil {
		change(&p)
	}
	return Step{Event: &protocol.PermissionRequested{Permission: p}}
}

func decides() Step { return Step{Command: &agents.Decide{PermissionID: "p"}} }

// The checker finds each violation that it is there for, and nothing where
// there is none.
func TestChecker(t *testing.T) {
	whole := []Step{
		prompts(false), opens("m"), begins(message("i")), text("a"), prompts(true), text("b"), completes(message("i"), "ab"),
		begins(call("c")), delta("c", protocol.DeltaToolInput, 0, `{"a": `), delta("c", protocol.DeltaToolInput, 0, `1}`),
		asks(nil), decides(), delta("c", protocol.DeltaToolOutput, 1, "y"), delta("c", protocol.DeltaToolOutput, 0, "x"), completes(call("c"), "x", "y"), ends(), exits(),
	}
	turn := func(steps ...Step) []Step { return slices.Concat([]Step{opens()}, steps, []Step{ends()}) }
	asked := func(change func(*protocol.Permission)) []Step {
		return turn(begins(call("c")), asks(change), decides(), completes(call("c")))
	}
	other := message("i")
	other.Role = "user"
	inside := message("i")
	inside.ParentID = "c"
	bare, blind := call("i"), call("i")
	bare.Tool = &protocol.Tool{Name: "Bash", Input: json.RawMessage(`{}`)}
	blind.Tool = &protocol.Tool{Name: "Bash", Kind: protocol.ToolExecute}
	for _, c := range []struct {
		name  string
		steps []Step
		want  []Rule
	}{
		{"all is well", whole, nil},
		{"a turn in a turn", []Step{opens(), opens(), ends()}, []Rule{TurnsAlternate}},
		{"a turn of its own instead of the prompt's", []Step{prompts(false), opens(), ends()}, []Rule{TurnsAlternate}},
		{"an end without a turn", []Step{opens(), ends(), ends()}, []Rule{TurnsAlternate}},
		{"a turn that is not told", []Step{prompts(false), ends()}, []Rule{TurnsAreReported}},
		{"a prompt in a turn", []Step{prompts(false), opens("m"), prompts(false), ends()}, []Rule{PromptsFit}},
		{"steering no turn", []Step{prompts(true), opens("m"), ends()}, []Rule{PromptsFit}},
		{"an exit in a turn", []Step{opens(), exits()}, []Rule{TurnsEnd, SomeTurnEnds}},
		{"nothing", nil, []Rule{SomeTurnEnds}},
		{"an item twice", turn(begins(message("i")), completes(message("i")), begins(message("i")), completes(message("i"))), []Rule{ItemsStartOnce}},
		{"an item in two turns", slices.Concat(turn(begins(message("i")), completes(message("i"))), turn(begins(message("i")), completes(message("i")))), []Rule{ItemIDsAreOfOneTurn}},
		{"an item in two processes", slices.Concat(turn(begins(message("i")), completes(message("i"))), []Step{exits()}, turn(begins(message("i")), completes(message("i")))), []Rule{ItemIDsAreOfOneProcess}},
		{"an item that begins completed", turn(begins(protocol.Item{ID: "i", Kind: protocol.KindMessage, Role: "assistant", Content: []protocol.Part{}}), completes(message("i"))), []Rule{ItemsStartOnce}},
		{"a completion without content", turn(begins(message("i")), Step{Event: &protocol.ItemCompleted{Item: protocol.Item{ID: "i", Kind: protocol.KindMessage, Role: "assistant"}}}), []Rule{ItemsAreWhole}},
		{"a call of no kind", turn(begins(bare), completes(bare)), []Rule{ItemsAreWhole}},
		{"a call without input", turn(begins(blind), completes(blind)), []Rule{CallsBeginWithInput}},
		{"a parent that is not there", turn(begins(inside), completes(inside)), []Rule{ItemsHaveOpenParents}},
		{"a completion twice", turn(begins(message("i")), completes(message("i")), completes(message("i"))), []Rule{ItemsCompleteOnce}},
		{"another role", turn(begins(message("i")), completes(other)), []Rule{ItemsStaySame}},
		{"an item beyond its turn", []Step{opens(), begins(message("i")), ends(), completes(message("i"))}, []Rule{ItemsEndInTurn}},
		{"an item left open", []Step{opens(), ends(), begins(message("i"))}, []Rule{ItemsEnd}},
		{"a delta of nothing", turn(begins(message("i")), text(""), completes(message("i"))), []Rule{DeltasAreOfOpenItems}},
		{"a delta too late", turn(begins(message("i")), completes(message("i")), text("a")), []Rule{DeltasAreOfOpenItems}},
		{"lost text", turn(begins(message("i")), text("a"), completes(message("i"), "ab")), []Rule{DeltasJoin, DeltasJoin}},
		{"text of no delta", turn(begins(message("i")), text("a"), completes(message("i"), "a", "b")), []Rule{DeltasJoin}},
		{"another input", turn(begins(call("c")), delta("c", protocol.DeltaToolInput, 0, "{}"), completes(call("c"))), []Rule{DeltasJoin}},
		{"an ask twice", turn(begins(call("c")), asks(nil), decides(), asks(nil), decides(), completes(call("c"))), []Rule{AsksAreNew}},
		{"an ask of no call", turn(asks(nil), decides()), []Rule{AsksBelongToCalls}},
		{"an ask for nothing", asked(func(p *protocol.Permission) { p.Tool = nil }), []Rule{AsksShowCalls}},
		{"deny first", asked(func(p *protocol.Permission) { slices.Reverse(p.Options) }), []Rule{OptionsAreInOrder}},
		{"a decision twice", turn(begins(call("c")), asks(nil), decides(), decides(), completes(call("c"))), []Rule{AsksResolveOnce}},
		{"an ask left in its turn", turn(begins(call("c")), asks(nil), completes(call("c"))), []Rule{AsksEndInTurn}},
		{"an ask left", []Step{opens(), ends(), begins(call("c")), asks(nil), completes(call("c"))}, []Rule{AsksEnd}},
		{"a frame that is not read", turn(Step{Event: &protocol.AgentUnparsed{Error: "no JSON"}}), []Rule{FramesAreRead}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []Rule
			checker := newChecker(func(f fault) { got = append(got, f.rule) })
			checker.follow(c.steps)
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// An exception lets its rule pass, in its recording, as often as it says.
func TestExcept(t *testing.T) {
	everywhere := Exception{Rule: TurnsEnd}
	twice := Exception{Rule: ItemsEnd, Recording: "a", Times: 2}
	for name, c := range map[string]struct {
		recording          string
		faults             []Rule
		left, used, missed int
	}{
		"all pass":          {"a", []Rule{TurnsEnd, ItemsEnd, ItemsEnd}, 0, 2, 0},
		"once too often":    {"a", []Rule{ItemsEnd, ItemsEnd, ItemsEnd}, 3, 0, 1},
		"never":             {"a", nil, 0, 0, 1},
		"another recording": {"b", []Rule{TurnsEnd, ItemsEnd, ItemsEnd}, 2, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var faults []fault
			for _, r := range c.faults {
				faults = append(faults, fault{rule: r})
			}
			left, used, missed := except([]Exception{everywhere, twice}, c.recording, faults)
			if len(left) != c.left || len(used) != c.used || len(missed) != c.missed {
				t.Errorf("left %v, used %v, missed %v", left, used, missed)
			}
		})
	}
}

// Events are written as clients read them.
func TestNDJSON(t *testing.T) {
	got := NDJSON(t, []protocol.Data{ends().Event, text("<").Event})
	want := strings.Join([]string{
		`{"type":"turn.ended","data":{"outcome":"completed","duration_ms":0}}`,
		`{"type":"item.delta","data":{"item_id":"i","kind":"text","text":"<"}}`, "",
	}, "\n")
	if got != want {
		t.Errorf("got %s", got)
	}
}

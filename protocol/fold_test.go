package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
	"pgregory.net/rapid"
)

// fold applies payloads with rising seqs, all in turn t1.
func fold(datas ...Data) *Fold {
	f := NewFold()
	for i, d := range datas {
		f.Apply(&Event{Seq: uint64(i + 1), TurnID: "t1", Time: at(i), Data: d})
	}
	return f
}

var (
	turnStarted = &TurnStarted{PromptIDs: []string{"m1"}, Origin: SourceClient}
	turnEnded   = &TurnEnded{Outcome: OutcomeCompleted}
	asked       = &PermissionRequested{Permission: Permission{PermissionID: "p1", Title: "rm"}}
	decided     = &PermissionResolved{PermissionID: "p1", Outcome: PermissionDecided}
	questioned  = &QuestionRequested{Question: Question{QuestionID: "q1"}}
	answered    = &QuestionResolved{QuestionID: "q1", Outcome: QuestionAnswered}
	starting    = &SessionUpdated{Status: ptr(StatusStarting)}
)

func TestFoldStatus(t *testing.T) {
	for name, c := range map[string]struct {
		datas []Data
		want  Status
	}{
		"nothing":                  {nil, StatusIdle},
		"told starting":            {[]Data{starting}, StatusStarting},
		"the agent runs":           {[]Data{starting, &AgentStarted{}}, StatusIdle},
		"the agent did not start":  {[]Data{starting, &AgentExited{}}, StatusIdle},
		"told idle":                {[]Data{starting, &SessionUpdated{Status: ptr(StatusIdle)}}, StatusIdle},
		"a turn":                   {[]Data{starting, turnStarted}, StatusRunning},
		"a turn and a permission":  {[]Data{turnStarted, asked}, StatusWaiting},
		"the permission decided":   {[]Data{turnStarted, asked, decided}, StatusRunning},
		"a question":               {[]Data{turnStarted, questioned}, StatusWaiting},
		"two asks, one left":       {[]Data{turnStarted, asked, questioned, decided}, StatusWaiting},
		"all answered":             {[]Data{turnStarted, asked, questioned, decided, answered}, StatusRunning},
		"the turn ended":           {[]Data{turnStarted, turnEnded}, StatusIdle},
		"ended":                    {[]Data{turnStarted, asked, &SessionEnded{Reason: "completed"}}, StatusEnded},
		"terminated":               {[]Data{&SessionEnded{Reason: "terminated"}}, StatusEnded},
		"failed":                   {[]Data{turnStarted, &SessionEnded{Reason: "error"}}, StatusFailed},
		"a turn after the failure": {[]Data{&SessionEnded{Reason: "error"}, turnStarted}, StatusFailed},
		"started again":            {[]Data{&SessionEnded{Reason: "completed"}, &SessionStarted{Resumed: true}}, StatusIdle},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fold(c.datas...).State().Status; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func accepted(id string, delivery Delivery, position int) *PromptAccepted {
	return &PromptAccepted{PromptID: id, CommandID: "c" + id, Delivery: delivery, Position: position, Content: []Part{TextPart("do " + id)}}
}

func TestFoldQueue(t *testing.T) {
	for name, c := range map[string]struct {
		datas []Data
		want  []string
	}{
		"accepted":                  {[]Data{accepted("m1", DeliverQueue, 0)}, []string{"m1"}},
		"its turn started":          {[]Data{accepted("m1", DeliverQueue, 0), turnStarted}, []string{}},
		"two behind a turn":         {[]Data{turnStarted, accepted("m2", DeliverQueue, 0), accepted("m3", "", 1)}, []string{"m2", "m3"}},
		"an interrupt goes first":   {[]Data{turnStarted, accepted("m2", DeliverQueue, 0), accepted("m3", DeliverInterrupt, 0)}, []string{"m3", "m2"}},
		"withdrawn":                 {[]Data{turnStarted, accepted("m2", DeliverQueue, 0), &PromptWithdrawn{PromptID: "m2"}}, []string{}},
		"steered into the turn":     {[]Data{turnStarted, accepted("m2", DeliverSteer, 0)}, []string{}},
		"nothing to steer":          {[]Data{accepted("m2", DeliverSteer, 0)}, []string{"m2"}},
		"ended":                     {[]Data{accepted("m2", DeliverQueue, 0), &SessionEnded{}}, []string{}},
		"a position from elsewhere": {[]Data{accepted("m2", DeliverQueue, 9), accepted("m3", DeliverQueue, -1)}, []string{"m3", "m2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{}
			for _, q := range fold(c.datas...).State().Queue {
				got = append(got, q.PromptID)
				if q.Preview != "do "+q.PromptID || q.CommandID != "c"+q.PromptID {
					t.Errorf("entry %+v", q)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func begun(id string, content ...Part) *ItemStarted {
	return &ItemStarted{Item: Item{ID: id, Kind: KindMessage, Status: ItemInProgress, Content: content}}
}

func delta(id string, kind DeltaKind, index int, text string) *ItemDelta {
	return &ItemDelta{ItemID: id, Kind: kind, Index: index, Text: text}
}

func TestFoldItems_Open(t *testing.T) {
	for name, c := range map[string]struct {
		datas []Data
		want  []Part
	}{
		"nothing yet":         {nil, []Part{}},
		"text":                {[]Data{delta("i1", DeltaText, 0, "a"), delta("i1", DeltaText, 0, "b")}, []Part{TextPart("ab")}},
		"two kinds":           {[]Data{delta("i1", DeltaReasoning, 0, "r"), delta("i1", DeltaText, 0, "t"), delta("i1", DeltaReasoning, 0, "s")}, []Part{{Type: PartReasoning, Text: "rs"}, TextPart("t")}},
		"two texts":           {[]Data{delta("i1", DeltaText, 0, "a"), delta("i1", DeltaText, 1, "b"), delta("i1", DeltaText, 0, "c")}, []Part{TextPart("ac"), TextPart("b")}},
		"output":              {[]Data{delta("i1", DeltaToolOutput, 0, "ok\n")}, []Part{{Type: PartCommand, Output: "ok\n"}}},
		"input makes no part": {[]Data{delta("i1", DeltaToolInput, 0, "{")}, []Part{}},
		"another item":        {[]Data{delta("i9", DeltaText, 0, "a")}, []Part{}},
		"a far index":         {[]Data{delta("i1", DeltaText, 7, "a"), delta("i1", DeltaText, -2, "b")}, []Part{TextPart("a"), TextPart("b")}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fold(append([]Data{begun("i1")}, c.datas...)...).State()
			if diff := cmp.Diff([]Item{{ID: "i1", Kind: KindMessage, Status: ItemInProgress, Content: c.want}}, s.Items); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFoldFillsThePartThatIsThere(t *testing.T) {
	item := begun("i1", Part{Type: PartCommand, Command: "ls"}, TextPart(""))
	s := fold(item, delta("i1", DeltaToolOutput, 0, "a"), delta("i1", DeltaText, 0, "t"), delta("i1", DeltaToolOutput, 0, "b")).State()
	want := []Part{{Type: PartCommand, Command: "ls", Output: "ab"}, TextPart("t")}
	if diff := cmp.Diff(want, s.Items[0].Content); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if item.Item.Content[0].Output != "" {
		t.Error("the fold wrote into the event")
	}
}

func TestFoldCapsOpenText(t *testing.T) {
	f := fold(begun("i1"))
	for i := range 10_000 {
		f.Apply(&Event{Seq: uint64(i + 2), Data: delta("i1", DeltaText, 0, "sieben ")})
	}
	f.Apply(&Event{Seq: 20_000, Data: delta("i1", DeltaText, 0, "é")})
	p := f.State().Items[0].Content[0]
	if len(p.Text) > 64<<10 || len(p.Text) < 64<<10-4 || !p.Truncated || !strings.HasPrefix(p.Text, "sieben sieben ") {
		t.Errorf("%d bytes, truncated %v", len(p.Text), p.Truncated)
	}
	f = fold(begun("i1"), delta("i1", DeltaText, 0, strings.Repeat("é", 40_000)))
	if p := f.State().Items[0].Content[0]; !utf8.ValidString(p.Text) || !p.Truncated {
		t.Error("a character was cut")
	}
}

func TestFoldClosesItemsAndSkipsWhatItHas(t *testing.T) {
	f := fold(begun("i1"), begun("i2"), &ItemCompleted{Item: Item{ID: "i1"}}, &UnknownData{Type: "moon.rose"})
	if s := f.State(); len(s.Items) != 1 || s.Items[0].ID != "i2" || s.Seq != 4 {
		t.Errorf("state %+v", s)
	}
	f.Apply(&Event{Seq: 4, Data: delta("i2", DeltaText, 0, "twice")})
	if s := f.State(); len(s.Items[0].Content) != 0 {
		t.Error("an event was folded twice")
	}
}

func TestFoldSettingsAndUsage(t *testing.T) {
	s := fold(
		&SessionStarted{Model: "m1", Mode: "default"},
		&SessionUpdated{Title: ptr("t"), Effort: ptr("high"), PermissionMode: ptr("ask")},
		&SessionUpdated{Model: ptr("m2"), Title: ptr("")},
		&AgentStarted{},
		&PlanUpdated{Entries: []PlanEntry{{Text: "a", Status: "pending"}}},
		&UsageUpdated{Usage: Usage{InputTokens: 1}, CostUSD: ptr(0.5), Context: &Context{Used: 3}},
		&UsageUpdated{Usage: Usage{InputTokens: 2}},
	).State()
	want := State{
		Seq: 7, Status: StatusIdle, Model: "m2", Mode: "default", Effort: "high", PermissionMode: "ask", AgentRunning: true,
		Plan:  []PlanEntry{{Text: "a", Status: "pending"}},
		Usage: &UsageUpdated{Usage: Usage{InputTokens: 2}, CostUSD: ptr(0.5), Context: &Context{Used: 3}},
		Items: []Item{}, Permissions: []Permission{}, Questions: []Question{}, Queue: []QueueEntry{},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFoldStateHasNoNullLists(t *testing.T) {
	b, err := json.Marshal(fold(begun("i1"), &TurnStarted{}).State())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "null") {
		t.Errorf("got %s", b)
	}
}

func TestFoldStateIsACopy(t *testing.T) {
	f := fold(begun("i1"), delta("i1", DeltaText, 0, "a"), asked, questioned, turnStarted, accepted("m2", DeliverQueue, 0))
	before := f.State()
	kept, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range []Data{delta("i1", DeltaText, 0, "b"), decided, answered, &PromptWithdrawn{PromptID: "m2"}, begun("i2"), turnEnded} {
		f.Apply(&Event{Seq: uint64(100 + i), Data: d})
	}
	after, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), string(after)); diff != "" {
		t.Errorf("a state that was handed out changed (-before +after):\n%s", diff)
	}
}

// anyData draws payloads that concern each other.
func anyData(t *rapid.T) Data {
	id := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id")
	some := append(sampleData(),
		begun("i"+id), begun("i"+id, TextPart("begin "), Part{Type: PartCommand}), &ItemCompleted{Item: Item{ID: "i" + id}},
		accepted("m"+id, rapid.SampledFrom([]Delivery{DeliverQueue, DeliverSteer, DeliverInterrupt}).Draw(t, "delivery"), rapid.IntRange(-1, 4).Draw(t, "position")),
		turnStarted, turnEnded, asked, decided, questioned, answered, starting, &SessionStarted{},
	)
	if rapid.Bool().Draw(t, "a delta") {
		kind := rapid.SampledFrom([]DeltaKind{DeltaText, DeltaReasoning, DeltaToolInput, DeltaToolOutput, "other"}).Draw(t, "kind")
		text := strings.Repeat(rapid.String().Draw(t, "text"), rapid.IntRange(1, 3000).Draw(t, "times"))
		return delta("i"+id, kind, rapid.IntRange(-1, 3).Draw(t, "index"), text)
	}
	return rapid.SampledFrom(some).Draw(t, "data")
}

// TestFoldIsSavedExactly saves and restores a fold in the middle: both go on
// alike.
func TestFoldIsSavedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFold()
		seq := uint64(0)
		apply := func(folds ...*Fold) {
			seq++
			e := Event{Seq: seq, TurnID: "t1", Time: at(int(seq)), Data: anyData(t)}
			for _, f := range folds {
				f.Apply(&e)
			}
		}
		for range rapid.IntRange(0, 15).Draw(t, "before") {
			apply(f)
		}
		b, err := f.MarshalJSON() // json.Marshal would escape raw JSON for HTML
		if err != nil {
			t.Fatal(err)
		}
		restored := NewFold()
		if err := json.Unmarshal(b, restored); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 15).Draw(t, "after") {
			apply(f, restored)
		}
		if diff := cmp.Diff(f.State(), restored.State()); diff != "" {
			t.Fatalf("(-kept +restored):\n%s", diff)
		}
	})
}

func TestFoldOfGoesOnFromHello(t *testing.T) {
	events := []Data{turnStarted, begun("i1"), delta("i1", DeltaReasoning, 0, "r"), delta("i1", DeltaText, 0, "a"), asked}
	server := fold(events...)
	client := FoldOf(server.State())
	for i, d := range []Data{delta("i1", DeltaText, 0, "b"), delta("i1", DeltaReasoning, 0, "s"), decided} {
		e := &Event{Seq: uint64(10 + i), Data: d}
		server.Apply(e)
		client.Apply(e)
	}
	if diff := cmp.Diff(server.State(), client.State()); diff != "" {
		t.Errorf("(-server +client):\n%s", diff)
	}
}

func TestFoldRefusesDamage(t *testing.T) {
	for _, text := range []string{
		`[]`, `{"state":{"items":[{"id":"i1"}]}}`,
		`{"state":{"items":[{"id":"i1","content":[]}]},"open":[{"texts":[{"kind":"text","part":0}]}]}`,
		`{"state":{"items":[{"id":"i1","content":[]}]},"open":[{"texts":[{"kind":"text","part":-1}]}]}`,
	} {
		f := fold(begun("i7"))
		if err := json.Unmarshal([]byte(text), f); err == nil {
			t.Errorf("%s was taken", text)
		}
		if s := f.State(); len(s.Items) != 1 || s.Items[0].ID != "i7" {
			t.Error("a failed restore changed the fold")
		}
	}
}

func TestFoldItems(t *testing.T) {
	var events []Event
	for _, d := range []Data{
		&ItemCompleted{Item: Item{ID: "i0", Status: ItemDone}}, begun("i1"), begun("i2"), begun("i3"),
		&ItemCompleted{Item: Item{ID: "i3", Status: ItemFailed}}, &ItemCompleted{Item: Item{ID: "i1", Status: ItemDone}}, turnEnded,
	} {
		events = append(events, Event{Data: d})
	}
	want := []Item{{ID: "i0", Status: ItemDone}, {ID: "i1", Status: ItemDone}, {ID: "i3", Status: ItemFailed}}
	if diff := cmp.Diff(want, FoldItems(events)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := FoldItems(nil); got == nil || len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// BenchmarkFoldDelta shows that a delta costs its own length, not the item's.
func BenchmarkFoldDelta(b *testing.B) {
	f := fold(begun("i1"))
	d := delta("i1", DeltaText, 0, "sieben ")
	seq := uint64(10)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		f.Apply(&Event{Seq: seq, Data: d})
	}
}

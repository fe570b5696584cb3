package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// talk makes a session with a finished turn of n deltas.
func talk(b *bench, n int) (*Session, *scriptedConn) {
	b.t.Helper()
	s, c := b.running()
	for i := range n {
		c.say(&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: fmt.Sprintf("%d ", i)})
	}
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	b.until(s, is(protocol.TypeTurnEnded))
	return s, c
}

// collect reads until the head; it returns the kinds of the frames and the
// seqs of the events.
func (b *bench) collect(r *Reader) (kinds []string, seqs []uint64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	for {
		d, err := r.Next(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		kinds = append(kinds, string(d.Kind))
		for _, e := range b.decode(d) {
			seqs = append(seqs, e.Seq)
		}
		if d.Kind == protocol.FrameLive {
			return kinds, seqs
		}
	}
}

func wantRun(t *testing.T, seqs []uint64, from, to uint64) {
	t.Helper()
	if n := int(to - from + 1); len(seqs) != n {
		t.Fatalf("%d events, want %d to %d", len(seqs), from, to)
	}
	for i, s := range seqs {
		if s != from+uint64(i) {
			t.Fatalf("event %d has seq %d, want %d", i, s, from+uint64(i))
		}
	}
}

// every cursor gives what follows it, or a spoken gap.
func TestR03_Cursors(t *testing.T) {
	b := newBench(t)
	s, c := talk(b, 500)
	c.exit(0)
	b.until(s, is(protocol.TypeAgentExited))
	head := s.Info().Head
	for _, after := range []uint64{0, 1, 63, 64, 65, 250, head - 1, head} {
		_, seqs := b.collect(s.Read(protocol.Cursor{After: after}, "", ReadOptions{MaxBytes: 4 << 10}))
		wantRun(t, seqs, after+1, head)
	}
	for _, after := range []uint64{head + 1, 1 << 53, 1<<63 - 1} {
		r := s.Read(protocol.Cursor{After: after}, "", ReadOptions{})
		d, err := r.Next(t.Context())
		if err != nil || d.Kind != protocol.FrameGap || d.Gap.Reason != protocol.GapCursorAhead {
			t.Errorf("after %d: %+v %v", after, d, err)
		}
		if kinds, seqs := b.collect(r); len(seqs) != 0 {
			t.Errorf("after %d: %v %v", after, kinds, seqs)
		}
	}
	r := s.Read(protocol.Cursor{After: 5}, "another", ReadOptions{})
	kinds, seqs := b.collect(r)
	if kinds[0] != "gap" {
		t.Errorf("R-05: another epoch gave %v", kinds)
	}
	wantRun(t, seqs, 1, head)
	r = s.Read(protocol.Cursor{Head: true}, "", ReadOptions{})
	if st := r.State(); st.Seq != head {
		t.Errorf("state at %d, head %d", st.Seq, head)
	}
	if kinds, seqs := b.collect(r); len(kinds) != 1 || len(seqs) != 0 {
		t.Errorf("from the head: %v %v", kinds, seqs)
	}
}

// what was trimmed is told.
func TestR04_Retention(t *testing.T) {
	b := newBench(t)
	s, c := talk(b, 1000)
	c.exit(0)
	b.until(s, is(protocol.TypeAgentExited))
	head := s.Info().Head
	if err := b.store.Trim(t.Context(), "s1", 500); err != nil {
		t.Fatal(err)
	}
	r := s.Read(protocol.Cursor{After: 5}, "", ReadOptions{})
	d, err := r.Next(t.Context())
	if err != nil || d.Kind != protocol.FrameGap || d.Gap.Reason != protocol.GapRetention || d.Gap.From != 6 {
		t.Fatalf("%+v %v", d, err)
	}
	_, seqs := b.collect(r)
	wantRun(t, seqs, d.Gap.To+1, head)
}

// readers that come while events are appended see each once.
func TestR06_ReplayWhileLive(t *testing.T) {
	b := newBench(t)
	s, c := b.running()
	const n = 3000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			c.say(&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: fmt.Sprint(i, " ")})
		}
		c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	})
	for i := range 12 {
		wg.Go(func() {
			r := s.Read(protocol.Cursor{After: uint64(i % 4)}, "", ReadOptions{MaxBytes: 1 << (10 + i)})
			next, text := uint64(i%4)+1, strings.Builder{}
			for {
				d, err := r.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range b.decode(d) {
					if e.Seq != next {
						t.Errorf("seq %d, want %d", e.Seq, next)
						return
					}
					next++
					if d, ok := e.Data.(*protocol.ItemDelta); ok {
						text.WriteString(d.Text)
					}
					if is(protocol.TypeTurnEnded)(e) {
						if got := strings.Count(text.String(), " "); got != n {
							t.Errorf("%d of %d deltas", got, n)
						}
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// An ask overtakes a backlog, and its event still follows in order.
func TestAskOvertakes(t *testing.T) {
	b := newBench(t)
	s, c := b.running()
	for range 2000 {
		c.say(&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "some words to fill the log "})
	}
	c.say(&protocol.PermissionRequested{Permission: bash("r1")})
	b.until(s, is(protocol.TypePermissionRequested))
	r := s.Read(protocol.Cursor{}, "", ReadOptions{MaxBytes: 8 << 10})
	kinds, seqs := b.collect(r)
	wantRun(t, seqs, 1, s.Info().Head)
	asks := 0
	for _, k := range kinds {
		if k == "ask" {
			asks++
		}
	}
	if asks != 1 || kinds[0] != "ask" {
		t.Errorf("%d asks; first came %s", asks, kinds[0])
	}
}

func TestViews(t *testing.T) {
	b := newBench(t)
	s, _ := talk(b, 300)
	head := s.Info().Head
	for _, tt := range []struct {
		view protocol.View
		want string
	}{
		{protocol.ViewItems, "session.started prompt.accepted turn.started session.updated session.updated agent.started item.started item.completed turn.ended"},
		{protocol.ViewAsks, "session.started turn.started session.updated session.updated turn.ended"},
	} {
		r := s.Read(protocol.Cursor{}, "", ReadOptions{View: tt.view})
		var got []string
		for {
			d, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, names(b.decode(d))...)
			if d.Kind == protocol.FrameLive {
				break
			}
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("view %s shows\n%s, want\n%s", tt.view, g, tt.want)
		}
		if r.After() != head {
			t.Errorf("view %s: the cursor is at %d of %d", tt.view, r.After(), head)
		}
	}
}

func TestRaw(t *testing.T) {
	b := newBench(t)
	if _, err := b.m.Create(t.Context(), &protocol.SessionCreate{SessionID: "s1", Agent: "scripted", Raw: true}, protocol.Actor{}); err != nil {
		t.Fatal(err)
	}
	s := b.get("s1")
	b.do(s, "c1", &protocol.Prompt{Text: "go"})
	c := b.conn()
	command[*agents.Prompt](b, c)
	c.reports <- []agents.Report{{Raw: []byte(`{"native":1}`), Events: []protocol.Data{&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: "x"}}}}
	c.exit(0)
	check := func(s *Session) {
		t.Helper()
		for _, raw := range []bool{true, false} {
			r := s.Read(protocol.Cursor{}, "", ReadOptions{Raw: raw})
			found := false
			for {
				d, err := r.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range b.decode(d) {
					if is(protocol.TypeItemDelta)(e) && string(e.Raw) == `{"native":1}` {
						found = true
					}
				}
				if d.Kind == protocol.FrameLive {
					break
				}
			}
			if found != raw {
				t.Errorf("raw=%v: native frame shown: %v", raw, found)
			}
		}
	}
	b.until(s, is(protocol.TypeAgentExited))
	check(s)
	b.stop()
	b.start()
	check(b.get("s1"))
}

func TestPages(t *testing.T) {
	b := newBench(t)
	s, c := talk(b, 300)
	for i := range 5 {
		c.say(&protocol.ItemCompleted{Item: message(fmt.Sprint("later", i), fmt.Sprint("text ", i))})
	}
	c.exit(0)
	b.until(s, is(protocol.TypeAgentExited))
	head := s.Info().Head
	var seqs []uint64
	after := uint64(0)
	for {
		p, err := s.Events(t.Context(), protocol.EventsRead{After: &after, Limit: 70}, false)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, bl := range p.Blocks {
			for _, e := range b.decode(Delivery{Blocks: []*Block{bl}}) {
				seqs = append(seqs, e.Seq)
				n++
			}
		}
		if n > 70 {
			t.Errorf("a page of %d", n)
		}
		after = p.Last
		if !p.More {
			break
		}
	}
	wantRun(t, seqs, 1, head)

	before := uint64(101)
	p, err := s.Events(t.Context(), protocol.EventsRead{Before: &before, Limit: 30}, false)
	if err != nil || p.First != 71 || p.Last != 100 || !p.More {
		t.Errorf("before 101: %d to %d, more %v, %v", p.First, p.Last, p.More, err)
	}

	var ids []string
	at := uint64(0)
	for {
		page, err := s.Items(t.Context(), at, 2)
		if err != nil {
			t.Fatal(err)
		}
		var part []string
		for _, it := range page.Items {
			part = append(part, it.ID)
		}
		ids = append(part, ids...)
		if at = page.Before; at == 0 {
			break
		}
	}
	if got := strings.Join(ids, " "); got != "i1 i2 i3 i4 i5 i6" {
		t.Errorf("items %s", got)
	}
}

func TestLargeContent(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	big := strings.Repeat("grün ", 40_000)
	b.do(s, "c1", &protocol.Prompt{Text: big})
	c := b.conn()
	if p := command[*agents.Prompt](b, c); p.Content[0].Text != big || p.Content[0].Truncated {
		t.Error("the agent did not get the whole prompt")
	}
	c.say(&protocol.ItemDelta{ItemID: "a", Kind: protocol.DeltaText, Text: big}, &protocol.ItemCompleted{Item: message("a", big)})
	c.say(&protocol.TurnEnded{Outcome: protocol.OutcomeCompleted})
	events := b.until(s, is(protocol.TypeTurnEnded))
	part := last[*protocol.ItemCompleted](t, events).Item.Content[0]
	if !part.Truncated || part.Blob == nil || !strings.HasPrefix(big, part.Text) || len(part.Text) > headText {
		t.Fatalf("part %.100v", part)
	}
	blob, err := s.Blob(t.Context(), part.Blob.ID)
	if err != nil || string(blob.Bytes) != big {
		t.Errorf("the blob holds %d bytes, %v", len(blob.Bytes), err)
	}
	var text strings.Builder
	for _, e := range events {
		if d, ok := e.Data.(*protocol.ItemDelta); ok {
			if len(d.Text) > maxDelta {
				t.Errorf("a delta of %d bytes", len(d.Text))
			}
			text.WriteString(d.Text)
		}
	}
	if text.String() != big {
		t.Error("the deltas do not join to the text")
	}
}

func TestAttachments(t *testing.T) {
	b := newBench(t)
	s := b.create("s1")
	blob, err := s.AddBlob(t.Context(), "image/png", []byte("pixels"))
	if err != nil {
		t.Fatal(err)
	}
	b.do(s, "c1", &protocol.Prompt{Content: []protocol.Part{
		{Type: protocol.PartImage, Blob: &protocol.Blob{ID: blob.ID}},
		{Type: protocol.PartImage, Mime: "image/gif", Data: []byte("inline")},
	}})
	p := command[*agents.Prompt](b, b.conn())
	if string(p.Content[0].Bytes) != "pixels" || p.Content[0].Mime != "image/png" || string(p.Content[1].Bytes) != "inline" {
		t.Errorf("the agent got %+v", p.Content)
	}
	for name, part := range map[string]protocol.Part{
		"unknown blob": {Type: protocol.PartImage, Blob: &protocol.Blob{ID: "b0"}},
		"outside":      {Type: protocol.PartImage, Path: "../../../etc/hostname"},
		"missing":      {Type: protocol.PartFile, Path: "nothing-here"},
	} {
		if r := b.try(s, "bad "+name, &protocol.Prompt{Content: []protocol.Part{part}}); r.OK {
			t.Errorf("%s was taken", name)
		}
	}
}

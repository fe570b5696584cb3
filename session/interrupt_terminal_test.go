package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// do runs a command at the session s1 and wants it to succeed.
func (b *theater) do(id string, c protocol.Command) {
	b.t.Helper()
	r, err := b.s.Do(b.t.Context(), protocol.ClientFrame{ID: id, Command: c}, ada)
	if err != nil || !r.OK {
		b.t.Fatalf("%s: %+v, %v", id, r, err)
	}
}

// told returns the events of a type so far.
func told[D protocol.Data](b *theater) (all []D) {
	b.t.Helper()
	synctest.Wait()
	bench := &bench{t: b.t}
	r := b.s.Read(protocol.Cursor{}, "", ReadOptions{NoAsks: true})
	d, err := r.Next(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range bench.decode(d) {
		if data, ok := e.Data.(D); ok {
			all = append(all, data)
		}
	}
	return all
}

// What is typed when a person interrupts is not entered, whatever it waits for;
// the turn ends as interrupted in time, and the next prompt is a prompt again.
func TestInterruptStopsTyping(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		typed string
	}{
		"while the program starts": {4500 * time.Millisecond, "\x03"},
		"while the text appears":   {7 * time.Second, "delete the database\x03"},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(b *theater) {
				_, p := b.open()
				b.do("c1", &protocol.Prompt{Text: "delete the database"})
				time.Sleep(test.after)
				b.do("c2", &protocol.Prompt{Text: "and the backups", Delivery: protocol.DeliverSteer})
				b.do("c3", &protocol.TurnInterrupt{})
				time.Sleep(2 * time.Second)
				ends := told[*protocol.TurnEnded](b)
				if len(ends) != 1 || ends[0].Outcome != protocol.OutcomeInterrupted || ends[0].Error != nil {
					b.t.Errorf("2 s after the interrupt the turn has ended with %+v", ends)
				}
				if errs := told[*protocol.ErrorEvent](b); len(errs) != 1 {
					b.t.Errorf("of the steered prompt was told %+v", errs)
				}
				time.Sleep(time.Minute)
				if typed := p.Typed(); typed != test.typed {
					b.t.Errorf("typed %q, want %q", typed, test.typed)
				}
				b.do("c4", &protocol.Prompt{Text: "make a backup"})
				time.Sleep(time.Minute)
				if typed := p.Typed(); typed != "make a backup\r" {
					b.t.Errorf("after that typed %q", typed)
				}
			})
		})
	}
}

// A prompt that interrupts is typed once what it interrupts was.
func TestPromptThatInterruptsTyping(t *testing.T) {
	onStage(t, func(b *theater) {
		_, p := b.open()
		b.do("c1", &protocol.Prompt{Text: "delete the database"})
		time.Sleep(7 * time.Second)
		b.do("c2", &protocol.Prompt{Text: "make a backup", Delivery: protocol.DeliverInterrupt})
		time.Sleep(time.Minute)
		if typed := p.Typed(); typed != "delete the database\x03make a backup\r" {
			b.t.Errorf("typed %q", typed)
		}
		ends := told[*protocol.TurnEnded](b)
		if len(ends) != 2 || ends[0].Outcome != protocol.OutcomeInterrupted || ends[1].Outcome != protocol.OutcomeCompleted {
			b.t.Errorf("the turns ended with %+v", ends)
		}
	})
}

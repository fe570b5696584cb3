package clientlib

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/towline-dev/towline/protocol"
)

// ledger is what an idempotent server keeps of commands.
type ledger struct {
	mu   sync.Mutex
	runs map[string]uint64 // command id to the seq of its only run
	done map[string]int    // how often each command came
}

// run executes a command once and tells whether it had been done before.
func (l *ledger) run(id string) (seq uint64, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.runs[id]; !ok {
		l.runs[id] = uint64(len(l.runs) + 1)
	}
	l.done[id]++
	return l.runs[id], l.done[id]
}

func TestR02_CutBetweenSendAndAck(t *testing.T) {
	const prompts = 500
	eachFormat(t, func(t *testing.T, format protocol.Format) {
		l := &ledger{runs: map[string]uint64{}, done: map[string]int{}}
		c := play(t, format, func(p *peer) {
			p.hello(0)
			for {
				f, ok := p.recv()
				if !ok {
					return
				}
				seq, times := l.run(f.ID)
				if times == 1 {
					return // the prompt ran, the answer never left
				}
				p.answer(f.ID, protocol.PromptResult{PromptID: "m1", Seq: seq}, true)
			}
		})
		s := attach(t, c, AttachOptions{Format: format})
		for i := range prompts {
			r, err := s.Prompt(t.Context(), protocol.Prompt{Text: "hello"}, WithID(fmt.Sprintf("k%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Seq != uint64(i+1) {
				t.Fatalf("prompt %d was answered with seq %d, want the first run's %d", i, r.Seq, i+1)
			}
		}
		for id, n := range l.done {
			if n != 2 {
				t.Errorf("%s was sent %d times, want 2", id, n)
			}
		}
		if len(l.runs) != prompts {
			t.Errorf("%d prompts ran, want %d", len(l.runs), prompts)
		}
	})
}

func TestP02_DecisionIsResentWithItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(0)
			f, ok := p.recv()
			if !ok {
				return
			}
			ids = append(ids, f.ID)
			if p.n < 3 {
				return
			}
			p.answer(f.ID, protocol.DecideResult{PermissionID: "p1", Decision: protocol.Allow}, true)
			p.wait()
		})
		s := attach(t, c, AttachOptions{})
		r, err := s.Decide(t.Context(), protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Allow})
		if err != nil || r.Decision != protocol.Allow {
			t.Fatalf("got %+v, %v", r, err)
		}
		if len(ids) != 4 || ids[0] == "" || strings.Count(strings.Join(ids, " "), ids[0]) != 4 {
			t.Errorf("the decision was sent with the ids %q, want the same one four times", ids)
		}
	})
}

func TestCommandsKeepTheirOrderOverAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(0)
			for {
				f, ok := p.recv()
				if !ok {
					return
				}
				if p.n == 0 && f.ID == "k2" {
					return
				}
				if p.n > 0 {
					got = append(got, f.ID)
					p.answer(f.ID, protocol.PromptResult{}, false)
				}
			}
		})
		s := attach(t, c, AttachOptions{})
		var calls sync.WaitGroup
		for i := range 4 {
			calls.Go(func() {
				if _, err := s.Prompt(t.Context(), protocol.Prompt{Text: "x"}, WithID(fmt.Sprintf("k%d", i))); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if fmt.Sprint(got) != "[k0 k1 k2 k3]" {
			t.Errorf("the server got %v, want the order of the calls", got)
		}
	})
}

func TestEveryCommandTravels(t *testing.T) {
	eachFormat(t, func(t *testing.T, format protocol.Format) {
		var types []protocol.FrameType
		c := play(t, format, func(p *peer) {
			p.hello(0)
			for {
				f, ok := p.recv()
				if !ok {
					return
				}
				types = append(types, f.Command.FrameType())
				p.answer(f.ID, map[string]any{"last": 7}, false)
			}
		})
		s := attach(t, c, AttachOptions{Format: format})
		ctx, title := t.Context(), "new"
		_, perr := s.Prompt(ctx, protocol.Prompt{Text: "x"})
		_, derr := s.Decide(ctx, protocol.PermissionDecide{PermissionID: "p1", Decision: protocol.Deny})
		page, rerr := s.Read(ctx, protocol.EventsRead{Limit: 5})
		err := errors.Join(perr, derr, rerr,
			s.Answer(ctx, "q1", [][]string{{"yes"}}), s.Reject(ctx, "q2", "no"), s.Interrupt(ctx),
			s.Configure(ctx, protocol.SessionConfigure{Title: &title}), s.Withdraw(ctx, "m1"), s.End(ctx))
		if err != nil || page.Last != 7 {
			t.Fatalf("got page %+v, %v", page, err)
		}
		want := "[prompt permission.decide events.read question.answer question.reject turn.interrupt session.configure prompt.withdraw session.end]"
		if fmt.Sprint(types) != want {
			t.Errorf("the server got %v, want %s", types, want)
		}
	})
}

func TestRefusalsOfCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(0)
			for {
				f, ok := p.recv()
				if !ok {
					return
				}
				if f.ID != "silent" {
					p.send(&protocol.Result{ID: f.ID, Error: protocol.Errorf(protocol.CodeBusy, "a turn is open; wait for its end")})
				}
			}
		})
		s := attach(t, c, AttachOptions{})
		_, err := s.Prompt(t.Context(), protocol.Prompt{Text: "x", Delivery: protocol.DeliverReject})
		if protocol.CodeOf(err) != protocol.CodeBusy {
			t.Errorf("got %v, want busy", err)
		}
		_, err = s.Prompt(t.Context(), protocol.Prompt{Text: strings.Repeat("x", 1<<20)})
		if protocol.CodeOf(err) != protocol.CodeTooLarge {
			t.Errorf("got %v, want too_large before it is sent", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan error, 1)
		go func() { given <- s.Interrupt(ctx, WithID("silent")) }()
		synctest.Wait()
		if err := s.Interrupt(t.Context(), WithID("silent")); protocol.CodeOf(err) != protocol.CodeIdempotencyConflict {
			t.Errorf("got %v, want idempotency_conflict while the first is unanswered", err)
		}
		cancel()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

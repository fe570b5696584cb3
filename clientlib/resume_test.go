package clientlib

import (
	"testing"
	"testing/synctest"

	"github.com/towline-dev/towline/protocol"
)

var formats = map[string]protocol.Format{"json": protocol.FormatJSON, "msgpack": protocol.FormatMsgpack}

// eachFormat runs a test in a bubble for both codecs.
func eachFormat(t *testing.T, f func(t *testing.T, format protocol.Format)) {
	for name, format := range formats {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, format) }) })
	}
}

func TestR01_ResumeLosesAndDoublesNothing(t *testing.T) {
	const last = 2000
	eachFormat(t, func(t *testing.T, format protocol.Format) {
		c := play(t, format, func(p *peer) {
			p.hello(last)
			if p.n > 0 && p.query["epoch"][0] != testEpoch {
				t.Errorf("resumed in epoch %q, want %q", p.query["epoch"], testEpoch)
			}
			// Begin a little before the cursor, as no server should, and cut
			// after an odd number of events.
			for seq, sent := max(p.after, 3)-2, 0; seq <= last; seq += 3 {
				p.events(seq, min(seq+2, last))
				if sent++; sent > p.n%7+1 && seq+2 < last {
					return
				}
			}
			p.send(&protocol.Live{Seq: last})
			p.wait()
		})
		s := attach(t, c, AttachOptions{Format: format})
		want(t, s, 1, last)
		if epoch, after := s.Cursor(); epoch != testEpoch || after != last {
			t.Errorf("cursor is (%s, %d), want (%s, %d)", epoch, after, testEpoch, last)
		}
	})
}

func TestResumeFromAnEarlierStreamsCursor(t *testing.T) {
	eachFormat(t, func(t *testing.T, format protocol.Format) {
		c := play(t, format, func(p *peer) {
			if p.after != 7 || p.query["epoch"][0] != testEpoch || p.query["view"][0] != "items" || p.query["raw"][0] != "1" {
				t.Errorf("the query is %v", p.query)
			}
			p.hello(9)
			p.events(8, 9)
			p.wait()
		})
		s := attach(t, c, AttachOptions{After: protocol.Cursor{After: 7}, Epoch: testEpoch, View: protocol.ViewItems, Raw: true, Format: format})
		want(t, s, 8, 9)
	})
}

func TestAttachAtTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			if p.n == 0 {
				if p.query["after"][0] != "head" {
					t.Errorf("after is %v, want head", p.query["after"])
				}
				p.hello(40)
				p.events(42, 43) // the head moved before the server began to read
				return
			}
			if p.after != 43 {
				t.Errorf("resumed after %d, want 43", p.after)
			}
			p.hello(44)
			p.events(44, 44)
			p.wait()
		})
		s := attach(t, c, AttachOptions{After: protocol.Cursor{Head: true}})
		want(t, s, 42, 44)
	})
}

func TestFilteredViewMovesTheCursorPastWhatItHides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			switch p.n {
			case 0:
				p.hello(9)
				p.send(&protocol.Events{Last: 9, Events: []protocol.Event{event(5)}})
			default:
				if p.after != 9 {
					t.Errorf("resumed after %d, want 9", p.after)
				}
				p.hello(10)
				p.events(10, 10)
				p.wait()
			}
		})
		s := attach(t, c, AttachOptions{View: protocol.ViewItems})
		want(t, s, 5, 5)
		want(t, s, 10, 10)
	})
}

func TestStateFollowsTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(0)
			p.send(&protocol.Events{Last: 2, Events: []protocol.Event{
				{Seq: 1, SessionID: "s1", Source: protocol.SourceServer, Data: &protocol.SessionStarted{Agent: "mock", Directory: "/"}},
				{Seq: 2, SessionID: "s1", Source: protocol.SourceAgent, Data: &protocol.PermissionRequested{Permission: protocol.Permission{PermissionID: "p1"}}},
			}})
			p.wait()
		})
		s := attach(t, c, AttachOptions{})
		for range 2 {
			if _, err := s.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		st := s.State()
		if st.Seq != 2 || len(st.Permissions) != 1 || st.Permissions[0].PermissionID != "p1" {
			t.Errorf("state is %+v, want seq 2 and permission p1", st)
		}
		if h := s.Hello(); h.ClientID != "c1" || h.Session.Agent != "mock" {
			t.Errorf("hello is %+v", h)
		}
	})
}

func TestUnreadStreamHoldsTheSocketBackAndCommandsStillPass(t *testing.T) {
	const last = 4 * maxQueued
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan uint64, last)
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(last)
			go func() {
				for seq := p.after + 1; seq <= last; seq += 64 {
					p.events(seq, seq+63)
					sent <- seq
				}
				p.send(&protocol.Result{ID: "ping", OK: true})
			}()
			p.wait()
		})
		s := attach(t, c, AttachOptions{})
		synctest.Wait()
		if n := uint64(len(sent)) * 64; n > 2*maxQueued {
			t.Errorf("the client took %d events that nobody read, want about %d", n, maxQueued)
		}
		if _, err := s.Do(t.Context(), &protocol.Ping{}, WithID("ping")); err != nil {
			t.Errorf("a command behind unread events: %v", err)
		}
		want(t, s, 1, last)
	})
}

func TestAsksOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(9)
			p.send(&protocol.Ask{Seq: 9, Permission: &protocol.Permission{PermissionID: "p1"}})
			p.events(1, 9)
			p.wait()
		})
		asks := make(chan protocol.Ask, 1)
		s := attach(t, c, AttachOptions{OnAsk: func(a protocol.Ask) { asks <- a }})
		if a := <-asks; a.Seq != 9 || a.Permission.PermissionID != "p1" {
			t.Errorf("got ask %+v", a)
		}
		want(t, s, 1, 9)
	})
}

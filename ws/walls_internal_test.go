package ws

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/mux"
)

func TestU01_TheTableIsTheRouter(t *testing.T) {
	s := New(Options{Token: []byte("token")})
	s.endStreams()
	var walked []string
	err := s.router.mux.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := r.GetMethods()
		if err != nil {
			return nil // the answer to wrong methods
		}
		for _, m := range methods {
			walked = append(walked, m+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var table []string
	for _, r := range s.Routes() {
		table = append(table, r.Method+" "+r.Path)
	}
	slices.Sort(walked)
	slices.Sort(table)
	if !slices.Equal(walked, table) {
		t.Errorf("the router has\n%v\nthe table has\n%v", walked, table)
	}
}

func TestU02_TicketsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTickets()
		early, _, err := k.issue(principal{subject: "ticket"}, ticketTTL)
		if err != nil {
			t.Fatal(err)
		}
		late, _, err := k.issue(principal{subject: "ticket"}, ticketTTL)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(ticketTTL - time.Second)
		if _, ok := k.take(early); !ok {
			t.Error("refused before it expired")
		}
		time.Sleep(2 * time.Second)
		if _, ok := k.take(late); ok {
			t.Error("taken after it expired")
		}
	})
}

func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTickets()
		for range maxTickets {
			if _, _, err := k.issue(principal{}, ticketTTL); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := k.issue(principal{}, ticketTTL); err == nil {
			t.Error("one ticket too many")
		}
		time.Sleep(ticketTTL)
		if _, _, err := k.issue(principal{}, ticketTTL); err != nil {
			t.Errorf("no ticket after the others expired: %v", err)
		}
	})
}

func TestU05_TheLockoutEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses()
		for range maxGuesses - 1 {
			g.failed("a")
		}
		time.Sleep(guessWindow + time.Second)
		g.failed("a") // a new minute
		if err := g.check("a"); err != nil {
			t.Errorf("locked by failures of two minutes: %v", err)
		}
		for range maxGuesses {
			g.failed("a")
		}
		if g.check("a") == nil || g.check("b") != nil {
			t.Error("the wrong address is locked")
		}
		time.Sleep(guessLockout)
		if err := g.check("a"); err != nil {
			t.Errorf("still locked: %v", err)
		}
	})
}

func TestGuessesAreBounded(t *testing.T) {
	g := newGuesses()
	for i := range 2 * maxAddresses {
		g.failed(string(rune(i)) + "x")
	}
	if len(g.addrs) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(g.addrs))
	}
}

func TestS12_Admission(t *testing.T) {
	a := newAdmission(Limits{Sockets: 3, SocketsPerSession: 2, SocketsPerSecond: 2}.withDefaults())
	for range 3 {
		if err := a.enter("x"); err != nil {
			t.Fatal(err)
		}
	}
	if a.enter("y") == nil {
		t.Error("a socket beyond the total was let in")
	}
	a.leave()
	if err := a.enter("x"); err != nil {
		t.Errorf("no place after one left: %v", err)
	}
	a.leave()
	if a.enter("x") == nil {
		t.Error("an address may open more than its burst")
	}
	if a.join("s") != nil || a.join("s") != nil || a.join("s") == nil {
		t.Error("a session takes another number than two")
	}
	a.part("s")
	if err := a.join("s"); err != nil {
		t.Errorf("no place after one parted: %v", err)
	}
}

func FuzzHostHeader(f *testing.F) {
	for _, s := range []string{"localhost", "LOCALHOST.:1", "[::1]:80", "[::1", "127.0.0.1:", "evil.example", "localhost.evil", "a:b:c", "..", "[[::1]]"} {
		f.Add(s)
	}
	l := newHostList(Options{})
	f.Fuzz(func(t *testing.T, host string) {
		if !l.listed(host) {
			return
		}
		switch hostName(host) {
		case "localhost", "127.0.0.1", "::1":
		default:
			t.Errorf("%q is allowed as %q", host, hostName(host))
		}
	})
}

package terminal

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/towline-dev/towline/protocol"
)

func TestLease(t *testing.T) {
	t.Parallel()
	ada, ben := protocol.Actor{ClientID: "ada"}, protocol.Actor{ClientID: "ben"}
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	l := lease{lasts: 5 * time.Second}

	if changed, err := l.use(ada, at(0)); !changed || err != nil {
		t.Fatalf("the first typist got %v, %v", changed, err)
	}
	if changed, err := l.use(ada, at(4)); changed || err != nil {
		t.Fatalf("prolonging: %v, %v", changed, err)
	}
	_, err := l.use(ben, at(8))
	e := protocol.AsError(err)
	var holder protocol.Lease
	if e == nil || e.Code != protocol.CodeBusy || json.Unmarshal(e.Details, &holder) != nil || holder.ClientID != "ada" || holder.TTLMS != 5000 {
		t.Fatalf("the second typist was told %v", e)
	}
	if changed, err := l.use(ben, at(9)); !changed || err != nil {
		t.Fatalf("5 s after the last key: %v, %v", changed, err)
	}
	if !l.take(ada, at(10)) || l.held(at(10)) != ada {
		t.Fatal("the lease was not taken over")
	}
	if l.release(ben, at(11)) || !l.release(ada, at(11)) || l.held(at(11)) != (protocol.Actor{}) {
		t.Fatal("the lease was not given back, or by the wrong one")
	}
}

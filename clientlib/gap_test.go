package clientlib

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/towline-dev/towline/protocol"
)

// wantGap reads a gap and fails on anything else.
func wantGap(t *testing.T, s *Stream, want GapError) {
	t.Helper()
	_, err := s.Next(t.Context())
	g, ok := errors.AsType[*GapError](err)
	if !ok || *g != want {
		t.Fatalf("got %v, want %v", err, &want)
	}
}

func TestGapIsSpokenAndReadingGoesOn(t *testing.T) {
	eachFormat(t, func(t *testing.T, format protocol.Format) {
		c := play(t, format, func(p *peer) {
			p.hello(12)
			p.send(&protocol.Gap{From: 1, To: 9, Reason: protocol.GapRetention})
			p.events(10, 12)
			p.wait()
		})
		s := attach(t, c, AttachOptions{Format: format})
		wantGap(t, s, GapError{From: 1, To: 9, Reason: "retention"})
		want(t, s, 10, 12)
	})
}

func TestGapInsideAnIteration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(3)
			p.events(1, 1)
			p.send(&protocol.Gap{From: 2, To: 2, Reason: protocol.GapRetention})
			p.events(3, 3)
			p.close(1000, "over")
		})
		s := attach(t, c, AttachOptions{})
		var seqs []uint64
		gaps := 0
		for e, err := range s.Events(t.Context()) {
			if err != nil {
				gaps++
				continue
			}
			seqs = append(seqs, e.Seq)
		}
		if gaps != 1 || len(seqs) != 2 || seqs[0] != 1 || seqs[1] != 3 {
			t.Errorf("got events %v and %d gaps, want 1, a gap, 3", seqs, gaps)
		}
	})
}

func TestLostEpochStartsAnewAndACutRepeatsTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			switch p.n {
			case 0:
				p.hello(8)
				p.events(1, 8)
			case 1, 2: // restored from a backup that knew 5 events
				if p.after != 8 || p.query["epoch"][0] != testEpoch {
					t.Errorf("connection %d resumed at %v", p.n, p.query)
				}
				p.helloIn("e2", 5)
				p.send(&protocol.Gap{From: 6, To: 8, Reason: protocol.GapEpoch, Epoch: "e2"})
				if p.n == 2 {
					p.events(6, 7)
				}
			default:
				if p.after != 7 || p.query["epoch"][0] != "e2" {
					t.Errorf("connection %d resumed at %v", p.n, p.query)
				}
				p.helloIn("e2", 8)
				p.events(8, 8)
				p.wait()
			}
		})
		s := attach(t, c, AttachOptions{})
		want(t, s, 1, 8)
		gap := GapError{From: 6, To: 8, Reason: "epoch", Epoch: "e2"}
		wantGap(t, s, gap)
		wantGap(t, s, gap)
		want(t, s, 6, 8)
	})
}

func TestHoleWithoutAWordIsAGapToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(9)
			p.events(1, 3)
			p.events(7, 9)
			p.wait()
		})
		s := attach(t, c, AttachOptions{})
		want(t, s, 1, 3)
		wantGap(t, s, GapError{From: 4, To: 6, Reason: gapHole})
		want(t, s, 7, 9)
	})
}

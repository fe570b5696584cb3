package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/towline-dev/towline/session/store"
)

// benchEvents returns a JSON array of n events of about 300 bytes.
func benchEvents(n int) []byte {
	event := fmt.Appendf(nil, `{"seq":1234567,"session_id":"s1","time":"2026-01-02T03:04:05.678Z","type":"item.delta","turn_id":"t1","source":"agent","data":{"item_id":"i1","kind":"text","text":%q}}`,
		bytes.Repeat([]byte("lorem ipsum "), 11))
	return slices.Concat([]byte("["), bytes.Join(slices.Repeat([][]byte{event}, n), []byte(",")), []byte("]"))
}

// fill commits chunks of per events each to a session that is open.
func fill(tb testing.TB, s *Store, id string, from uint64, chunks, per int) {
	tb.Helper()
	events := benchEvents(per)
	for c := range uint64(chunks) {
		b := store.Batch{Chunks: []store.Chunk{{
			SessionID: id, First: from + c*uint64(per), Last: from + (c+1)*uint64(per) - 1, Events: events,
		}}}
		if err := s.Commit(context.Background(), &b); err != nil {
			tb.Fatal(err)
		}
	}
}

// openWith opens a store in a new folder with one open session, s1.
func openWith(tb testing.TB) *Store {
	tb.Helper()
	s := open(tb, filepath.Join(tb.TempDir(), "towline.db"))
	create := store.Session{ID: "s1", Epoch: "e1", Open: true}
	if err := s.Commit(context.Background(), &store.Batch{Create: []store.Session{create}}); err != nil {
		tb.Fatal(err)
	}
	return s
}

// BenchmarkCommit is the cost of one batch with one chunk; p99 and max show
// what checkpoints and syncs do to it.
func BenchmarkCommit(b *testing.B) {
	for _, bc := range []struct {
		name    string
		events  int
		durable bool
	}{
		{"1 event", 1, false},
		{"1 event durable", 1, true},
		{"128 events", 128, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			s := openWith(b)
			events := benchEvents(bc.events)
			took := make([]time.Duration, 0, 1<<20)
			seq := uint64(1)
			for b.Loop() {
				last := seq + uint64(bc.events) - 1
				begin := time.Now()
				err := s.Commit(context.Background(), &store.Batch{
					Chunks:  []store.Chunk{{SessionID: "s1", First: seq, Last: last, Events: events}},
					Durable: bc.durable,
				})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
				seq = last + 1
			}
			slices.Sort(took)
			b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "events/s")
			for _, p := range []struct {
				name string
				at   int
			}{{"p50-us", len(took) / 2}, {"p99-us", len(took) * 99 / 100}, {"max-us", len(took) - 1}} {
				b.ReportMetric(float64(took[p.at].Nanoseconds())/1e3, p.name)
			}
		})
	}
}

// BenchmarkReplay reads a session of chunks of 128 events from its start.
func BenchmarkReplay(b *testing.B) {
	s := openWith(b)
	const chunks = 1000
	fill(b, s, "s1", 1, chunks, 128)
	for b.Loop() {
		for after := uint64(0); after < chunks*128; {
			got, err := s.Chunks(context.Background(), "s1", after, 256<<10, false)
			if err != nil || len(got) == 0 {
				b.Fatal(len(got), err)
			}
			after = got[len(got)-1].Last
		}
	}
	b.ReportMetric(float64(b.N)*chunks*128/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadTail reads the last of many events, as a reader that lags a
// little.
func BenchmarkReadTail(b *testing.B) {
	s := openWith(b)
	fill(b, s, "s1", 1, 1000, 1)
	for b.Loop() {
		got, err := s.Chunks(context.Background(), "s1", 999, 256<<10, false)
		if err != nil || len(got) != 1 {
			b.Fatal(len(got), err)
		}
	}
}

// BenchmarkCompact joins 512 chunks of one event.
func BenchmarkCompact(b *testing.B) {
	s := openWith(b)
	seq := uint64(1)
	for b.Loop() {
		b.StopTimer()
		fill(b, s, "s1", seq, 512, 1)
		seq += 512
		b.StartTimer()
		if err := s.Compact(context.Background(), "s1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompactNothing is a call without work, as after every turn.
func BenchmarkCompactNothing(b *testing.B) {
	s := openWith(b)
	fill(b, s, "s1", 1, 20, 1)
	for b.Loop() {
		if err := s.Compact(context.Background(), "s1"); err != nil {
			b.Fatal(err)
		}
	}
}

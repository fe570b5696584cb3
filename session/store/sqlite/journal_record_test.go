package sqlite

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towline-dev/towline/session/store"
)

func TestRecord(t *testing.T) {
	for _, c := range []store.Chunk{
		{SessionID: "s1", First: 1, Last: 1, Events: []byte("[1]")},
		{SessionID: "ß", First: 7, Last: 9, Events: []byte("[1,2,3]"), Raw: []byte("[null,null,1]")},
		{First: 1<<63 - 1, Last: 1<<63 - 1, Events: bytes.Repeat([]byte("x"), journalRecord)},
	} {
		b := appendRecord([]byte("before"), 5, &c)[len("before"):]
		if len(b) != recordSize(&c) {
			t.Errorf("%d bytes, want %d", len(b), recordSize(&c))
		}
		got, ok := readRecord(append(b, "after"...))
		if want := (record{generation: 5, chunk: c, size: len(b)}); !ok {
			t.Errorf("chunk %d was not read", c.First)
		} else if d := cmp.Diff(want, got, cmp.AllowUnexported(record{})); d != "" {
			t.Errorf("chunk %d (-want +got):\n%s", c.First, d)
		}
	}
}

// Records that end anywhere, or in which any bit is another, are read up to
// that place; so are those that a shorter run of a later generation overwrote.
func TestD05_DamagedRecords(t *testing.T) {
	const records = 4
	var good []byte
	for seq := range uint64(records) {
		good = appendRecord(good, 7, &store.Chunk{SessionID: "s1", First: seq + 1, Last: seq + 1, Events: []byte("[12345]"), Raw: []byte("[{}]")})
	}
	size := len(good) / records
	check := func(what string, b []byte, generation uint64, want int) {
		t.Helper()
		if got := readRecords(b, generation); len(got) != want || want > 0 && got[want-1].First != uint64(want) {
			t.Errorf("%s: %d records, want %d", what, len(got), want)
		}
	}
	for n := range good {
		check("cut", good[:n], 7, n/size)
		for bit := range 8 {
			flipped := bytes.Clone(good)
			flipped[n] ^= 1 << bit
			check("flipped", flipped, 7, n/size)
		}
	}
	check("zeros at the end", append(bytes.Clone(good), make([]byte, 99)...), 7, records)
	newer := appendRecord(nil, 8, &store.Chunk{SessionID: "s1", First: 1, Last: 1, Events: []byte("[12345]"), Raw: []byte("[{}]")})
	over := append(newer, good[len(newer):]...)
	check("overwritten", over, 8, 1)
	check("overwritten, before", over, 7, 0)
}

func FuzzRecord(f *testing.F) {
	c := store.Chunk{SessionID: "s1", First: 3, Last: 4, Events: []byte("[1,2]"), Raw: []byte("[3,4]")}
	b := appendRecord(nil, 2, &c)
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add(make([]byte, recordHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := readRecord(b)
		if !ok {
			return
		}
		if got := appendRecord(nil, r.generation, &r.chunk); !bytes.Equal(got, b[:r.size]) {
			t.Errorf("read %q as %q", b[:r.size], got)
		}
	})
}

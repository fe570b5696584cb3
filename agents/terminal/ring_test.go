package terminal

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestRing_KeepsTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := ring{size: rapid.IntRange(1, 64).Draw(t, "size")}
		var all []byte
		for range rapid.IntRange(0, 20).Draw(t, "writes") {
			p := rapid.SliceOfN(rapid.Byte(), 0, 150).Draw(t, "p")
			r.write(p)
			all = append(all, p...)
			after := rapid.Int64Range(0, int64(len(all))).Draw(t, "after")
			limit := rapid.IntRange(1, 100).Draw(t, "limit")
			at, got := r.read(after, limit)
			oldest := max(0, int64(len(all)-r.size))
			if r.start() != oldest || at != max(after, oldest) {
				t.Fatalf("starts at %d and reads from %d, want %d and %d", r.start(), at, oldest, max(after, oldest))
			}
			if rapid.IntRange(0, 9).Draw(t, "trim") == 0 {
				if r.trim(); cap(r.buf) != len(r.buf) {
					t.Fatalf("%d bytes are held for %d", cap(r.buf), len(r.buf))
				}
				if again, p := r.read(after, limit); again != at || !bytes.Equal(p, got) {
					t.Fatalf("after a trim %q at %d, before %q at %d", p, again, got, at)
				}
			}
			want := all[at:min(int64(len(all)), at+int64(limit))]
			if !bytes.Equal(got, want) {
				t.Fatalf("read %q at %d, want %q", got, at, want)
			}
		}
		if cap(r.buf) > r.size {
			t.Fatalf("holds %d bytes, more than %d", cap(r.buf), r.size)
		}
	})
}

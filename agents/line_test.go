package agents

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readLines reads all lines; a long one is given as its head in brackets.
func readLines(t testing.TB, r *LineReader) (lines []string) {
	t.Helper()
	for {
		line, err := r.Next()
		if errors.Is(err, errWoken) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if line.Long != nil {
			lines = append(lines, "["+string(line.Long.Head)+"]")
		} else {
			lines = append(lines, string(line.Bytes))
		}
	}
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("l", 1000)
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nbc\n", []string{"a", "bc"}},
		{"no end", "a\nbc", []string{"a", "bc"}},
		{"CR", "a\r\n\r\nb\rc\r\n\r", []string{"a", "b\rc"}},
		{"empty lines", "\n\n\na\n\n", []string{"a"}},
		{"exactly the limit", strings.Repeat("x", 100) + "\na\n", []string{strings.Repeat("x", 100), "a"}},
		{"one more", strings.Repeat("x", 101) + "\na\n", []string{"[" + strings.Repeat("x", 101) + "]", "a"}},
		{"long", "a\n" + long + "\nb\n", []string{"a", "[" + long[:256] + "]", "b"}},
		{"long without end", long, []string{"[" + long[:256] + "]"}},
		{"two long", long + "\n" + long + "\n", []string{"[" + long[:256] + "]", "[" + long[:256] + "]"}},
		{"beyond the buffer", strings.Repeat(long, 200) + "\nb\n", []string{"[" + long[:256] + "]", "b"}},
		{"bytes that are no text", "\x00\xff\n", []string{"\x00\xff"}},
	} {
		for name, source := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "end with bytes": iotest.DataErrReader,
			"woken": func(r io.Reader) io.Reader { return &wokenReader{r: iotest.HalfReader(r)} },
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				got := readLines(t, NewLineReader(source(strings.NewReader(tt.in)), 100))
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// wokenReader is woken before each read.
type wokenReader struct {
	r     io.Reader
	woken bool
}

func (w *wokenReader) Read(p []byte) (int, error) {
	if w.woken = !w.woken; w.woken {
		return 0, errWoken
	}
	return w.r.Read(p)
}

func TestLineReaderLongLine(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 2<<20) // 20 MiB
	r := NewLineReader(io.MultiReader(bytes.NewReader(text), strings.NewReader("\nnext\n")), 0)
	line, err := r.Next()
	if err != nil || line.Long == nil {
		t.Fatalf("got %+v, %v, want a long line", line, err)
	}
	if line.Long.Bytes != len(text) || line.Long.SHA256 != sha256.Sum256(text) || !bytes.Equal(line.Long.Head, text[:256]) ||
		!bytes.Equal(line.Long.Tail, text[len(text)-256:]) {
		t.Errorf("the long line has %d bytes, the head %q and the tail %q", line.Long.Bytes, line.Long.Head, line.Long.Tail)
	}
	if line, err = r.Next(); err != nil || string(line.Bytes) != "next" {
		t.Errorf("then came %q, %v", line.Bytes, err)
	}
	if _, err = r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
	if len(r.buf) > lineBuffer {
		t.Errorf("the buffer still has %d bytes", len(r.buf))
	}
}

func TestLineReaderBuffered(t *testing.T) {
	r := NewLineReader(strings.NewReader("a\nb\nc"), 0)
	if r.Buffered() {
		t.Error("a line is buffered before the first read")
	}
	for _, want := range []bool{true, false} {
		if _, err := r.Next(); err != nil || r.Buffered() != want {
			t.Errorf("Buffered is %v, %v, want %v", r.Buffered(), err, want)
		}
	}
}

func TestLineReaderAllocatesNothingPerLine(t *testing.T) {
	text := strings.Repeat(strings.Repeat("x", 299)+"\n", 1000)
	src := strings.NewReader(text)
	r := NewLineReader(src, 0)
	allocs := testing.AllocsPerRun(10, func() {
		src.Reset(text)
		for {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
	if allocs > 0 {
		t.Errorf("1000 lines cost %v allocations", allocs)
	}
}

func FuzzAgentLine(f *testing.F) {
	for _, seed := range []string{"", "a\nb", "\r\n", "{\"type\":\"x\"}\r\n\n", strings.Repeat("l", 300) + "\n\x00\xff"} {
		f.Add([]byte(seed), uint8(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, limit uint8) {
		maxBytes := int(limit) + 1
		var want []string
		for raw := range bytes.SplitSeq(in, []byte{'\n'}) {
			switch line := bytes.TrimSuffix(raw, []byte{'\r'}); {
			case len(raw) > maxBytes:
				want = append(want, "["+string(raw[:min(len(raw), sampleBytes)])+"]")
			case len(line) > 0:
				want = append(want, string(line))
			}
		}
		for _, src := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in))} {
			if got := readLines(t, NewLineReader(src, maxBytes)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func BenchmarkLineReader(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 299)+"\n", 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewLineReader(strings.NewReader(text), 0)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	}
}

package agents

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/protocol"
)

func numbered(from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

func TestStderr(t *testing.T) {
	text := func(from, to int) string { return strings.Join(numbered(from, to), "\n") + "\n" }
	for _, tt := range []struct {
		name, in string
		want     *protocol.Stderr
	}{
		{"nothing", "", nil},
		{"few", text(1, 3), &protocol.Stderr{Head: numbered(1, 3), TotalLines: 3}},
		{"no end", "a\r\nb", &protocol.Stderr{Head: []string{"a", "b"}, TotalLines: 2}},
		{"as many as fit", text(1, 70), &protocol.Stderr{Head: numbered(1, 20), Tail: numbered(21, 70), TotalLines: 70}},
		{"one more", text(1, 71), &protocol.Stderr{Head: numbered(1, 20), Tail: numbered(22, 71), TotalLines: 71, Truncated: true}},
		{"many and no end", text(1, 1000) + "end", &protocol.Stderr{
			Head: numbered(1, 20), Tail: append(numbered(952, 1000), "end"), TotalLines: 1001, Truncated: true,
		}},
		{"a long line", strings.Repeat("x", 3000) + "\n", &protocol.Stderr{Head: []string{strings.Repeat("x", 2048)}, TotalLines: 1, Truncated: true}},
		{"no text", "\xff\n", &protocol.Stderr{Head: []string{"\uFFFD"}, TotalLines: 1}},
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, step), func(t *testing.T) {
				var s Stderr
				for rest := tt.in; rest != ""; {
					n := min(step, len(rest))
					if wrote, err := s.Write([]byte(rest[:n])); wrote != n || err != nil {
						t.Fatalf("Write gave %d, %v", wrote, err)
					}
					rest = rest[n:]
				}
				if diff := cmp.Diff(tt.want, s.Report()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestStderrConcurrently(t *testing.T) {
	var s Stderr
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 100 {
				_, _ = s.Write([]byte("a line\n"))
				s.Report()
			}
		})
	}
	wait.Wait()
	if r := s.Report(); r.TotalLines != 400 || lastLine(r) != "a line" {
		t.Errorf("got %+v", r)
	}
}

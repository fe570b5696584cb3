package terminal

import (
	"testing"
	"time"
)

func TestTempo(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	p := tempo{pace: Pace{}.withDefaults()}
	check := func(what string, got, want time.Time) {
		t.Helper()
		if !got.Equal(want) {
			t.Errorf("%s at %v, want %v", what, got, want)
		}
	}
	check("nothing is told", p.tellAt(), time.Time{})
	check("no turn ends", p.endAt(), time.Time{})
	p.wrote(at(0))
	check("a screen at rest is told", p.tellAt(), at(500))
	p.wrote(at(400))
	check("a screen that changed again is told", p.tellAt(), at(900))
	for ms := 800; ms < 10_000; ms += 400 {
		p.wrote(at(ms))
	}
	check("a screen that never rests is told", p.tellAt(), at(10_000))

	p.typed = at(20_000)
	check("a turn without output ends", p.endAt(), at(22_000))
	p.wrote(at(21_000))
	check("a turn with output ends", p.endAt(), at(23_000))
	p.interrupted = at(20_500)
	check("an interrupted turn ends", p.endAt(), at(22_500))

	p.interrupted = time.Time{}
	check("a turn whose command runs is looked at again", p.look(at(30_000), true), at(30_200))
	check("one whose command has ended ends", p.look(at(30_200), false), at(32_200))
	p.wrote(at(30_300))
	check("one whose command has written at its end ends", p.look(at(31_000), false), at(32_300))
	p.interrupted = at(33_000)
	check("an interrupted turn whose command runs ends", p.look(at(35_000), true), at(32_300))
}

package talk

import (
	"io"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// judged is a test that notes whether it failed.
type judged struct {
	testing.TB
	failed bool
}

func (j *judged) Errorf(string, ...any) { j.failed = true }
func (j *judged) Fatalf(string, ...any) { j.failed = true; panic(j) }

// fails tells whether a test of that body fails.
func fails(t *testing.T, body func(testing.TB)) bool {
	t.Helper()
	j := &judged{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(j) {
				panic(r)
			}
		}()
		body(j)
	}()
	return j.failed
}

func TestTexts(t *testing.T) {
	for name, c := range map[string]struct {
		check func(testing.TB, string, ...string)
		parts []string
		fails bool
	}{
		"in order":        {InOrder, []string{"a", "b"}, false},
		"out of order":    {InOrder, []string{"b", "a"}, true},
		"only once there": {InOrder, []string{"a", "a"}, true},
		"holds":           {Holds, []string{"b", "a"}, false},
		"lacks":           {Holds, []string{"a", "c"}, true},
		"holds none":      {HoldsNone, []string{"c"}, false},
		"holds one":       {HoldsNone, []string{"c", "b"}, true},
	} {
		if got := fails(t, func(tb testing.TB) { c.check(tb, "a b", c.parts...) }); got != c.fails {
			t.Errorf("%s: fails is %t", name, got)
		}
	}
}

func TestFits(t *testing.T) {
	began, ended := &protocol.TurnStarted{}, &protocol.TurnEnded{}
	s := agenttest.Scenario{Wants: []agenttest.Want{{Type: protocol.TypePromptAccepted}, {Type: protocol.TypeTurnStarted}, {Type: protocol.TypeTurnEnded}}}
	for name, c := range map[string]struct {
		events  []protocol.Data
		session []protocol.EventType
		fails   bool
	}{
		"all are there":       {[]protocol.Data{began, ended}, []protocol.EventType{protocol.TypePromptAccepted}, false},
		"in another order":    {[]protocol.Data{ended, began}, []protocol.EventType{protocol.TypePromptAccepted}, true},
		"one is not excepted": {[]protocol.Data{began, ended}, nil, true},
	} {
		if got := fails(t, func(tb testing.TB) { Fits(tb, s, c.events, c.session) }); got != c.fails {
			t.Errorf("%s: fails is %t", name, got)
		}
	}
}

// told is a connection that reports what it holds and ends.
type told struct {
	agents.Conn
	reports []agents.Report
	closed  bool
}

func (c *told) Recv() ([]agents.Report, error) {
	reports := c.reports
	c.reports = nil
	if len(reports) == 0 {
		return nil, io.EOF
	}
	return reports, nil
}

func (c *told) Close() error {
	c.closed = true
	return nil
}

func TestUntilAndFinish(t *testing.T) {
	c := &told{reports: []agents.Report{{Events: []protocol.Data{&protocol.TurnStarted{}}}, {Events: []protocol.Data{&protocol.TurnEnded{}}}}}
	var seen strings.Builder
	see := func(d protocol.Data) { seen.WriteString(string(d.EventType()) + " ") }
	if events := Watch(t, c, protocol.TypeTurnEnded, see); len(events) != 2 || seen.String() != "turn.started turn.ended " {
		t.Errorf("got %v and saw %s", events, seen.String())
	}
	if !fails(t, func(tb testing.TB) { Until(tb, c, protocol.TypeTurnEnded) }) {
		t.Error("the end passes for an event")
	}
	if Finish(t, c); !c.closed {
		t.Error("it was not closed")
	}
}

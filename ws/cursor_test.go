package ws_test

import (
	"net/http"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

// withEvents makes a session with a turn in it and returns its head.
func (f *fixture) withEvents(id string) uint64 {
	f.t.Helper()
	f.create(id)
	c := f.dial("/v1/sessions/" + id + "/ws")
	c.do(&protocol.Prompt{Text: "reply hello"})
	events := c.until(protocol.TypeTurnEnded)
	_ = c.conn.CloseNow()
	var info protocol.Session
	f.call("GET", "/v1/sessions/"+id, nil, http.StatusOK, &info)
	return max(info.Head, events[len(events)-1].Seq)
}

func TestR03_Cursors(t *testing.T) {
	f := serve(t, nil)
	last := f.withEvents("s")
	cursor := func(n uint64) string { return protocol.Cursor{After: n}.String() }
	for _, after := range []uint64{0, 1, last - 1, last} {
		t.Run("replay after "+cursor(after), func(t *testing.T) {
			c := f.dial("/v1/sessions/s/ws?after=" + cursor(after))
			live := next[*protocol.Live](c)
			dense(t, c.seen, after+1)
			if live.Seq != last || after+uint64(len(c.seen)) != last {
				t.Errorf("live at %d after %d events, head %d", live.Seq, len(c.seen), last)
			}
		})
	}
	for _, after := range []string{cursor(last + 1), "9007199254740992", "9223372036854775807"} {
		t.Run("ahead "+after, func(t *testing.T) {
			c := f.dial("/v1/sessions/s/ws?after=" + after)
			if gap := next[*protocol.Gap](c); gap.Reason != protocol.GapCursorAhead {
				t.Errorf("gap %+v", gap)
			}
			if live := next[*protocol.Live](c); live.Seq != last || len(c.seen) > 0 {
				t.Errorf("live at %d, %d events", live.Seq, len(c.seen))
			}
			if !c.do(&protocol.Ping{}).OK {
				t.Error("the socket does not go on")
			}
		})
	}
	for _, after := range []string{"-1", "9223372036854775808", "18446744073709551616", "x", "1e3", "", "%2B1", "1%200"} {
		t.Run("invalid "+after, func(t *testing.T) {
			_, res, err := f.tryDial("/v1/sessions/s/ws?after="+after, http.Header{"Authorization": {"Bearer " + token}})
			if err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
				t.Errorf("%v %v", res, err)
			}
		})
	}
	t.Run("invalid in a message", func(t *testing.T) {
		c := f.dial("/v1/ws")
		for _, after := range []string{"-1", `"x"`, "1e3", "9223372036854775808"} {
			c.write(c.kind(), []byte(`{"type":"session.attach","id":"a","session_id":"s","after":`+after+`}`))
			if r := next[*protocol.Result](c); r.OK {
				t.Errorf("after %s was taken", after)
			}
		}
		if r := c.do(&protocol.SessionAttach{SessionID: "s", After: protocol.Cursor{After: last}}); !r.OK {
			t.Errorf("%+v", r)
		}
	})
	t.Run("another epoch", func(t *testing.T) {
		c := f.dial("/v1/sessions/s/ws?epoch=other&after=2")
		if gap := next[*protocol.Gap](c); gap.Reason != protocol.GapEpoch {
			t.Errorf("gap %+v", gap)
		}
		next[*protocol.Live](c)
		dense(t, c.seen, 1)
	})
}

func TestViews(t *testing.T) {
	f := serve(t, nil)
	f.withEvents("s")
	for _, view := range []protocol.View{protocol.ViewFull, protocol.ViewItems, protocol.ViewAsks} {
		c := f.dial("/v1/sessions/s/ws?view=" + string(view))
		next[*protocol.Live](c)
		if len(c.seen) == 0 {
			t.Errorf("%s shows nothing", view)
		}
		for _, e := range c.seen {
			if !view.Shows(e.Data.EventType()) {
				t.Errorf("%s shows %s", view, e.Data.EventType())
			}
		}
	}
	if _, res, _ := f.tryDial("/v1/sessions/s/ws?view=x", http.Header{"Authorization": {"Bearer " + token}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown view: %s", res.Status)
	}
}

func TestSocketWithoutSession(t *testing.T) {
	f := serve(t, nil)
	c := f.dial("/v1/ws", protocol.SubprotocolMsgpack)
	if r := c.do(&protocol.Prompt{Text: "x"}); r.OK || r.Error.Code != protocol.CodeInvalidRequest {
		t.Errorf("a prompt without session: %+v", r)
	}
	if r := c.do(&protocol.SessionAttach{SessionID: "none"}); r.OK || r.Error.Code != protocol.CodeNotFound {
		t.Errorf("attach to nothing: %+v", r)
	}
	info := decode[protocol.Session](t, c.do(&protocol.SessionCreate{SessionID: "new", Agent: "mock"}))
	hello := next[*protocol.Hello](c)
	if info.ID != "new" || hello.Session.ID != "new" {
		t.Errorf("created %q, hello of %q", info.ID, hello.Session.ID)
	}
	if r := c.do(&protocol.SessionAttach{SessionID: "new"}); r.OK {
		t.Error("a second session was attached")
	}
	c.do(&protocol.Prompt{Text: "reply hello"})
	dense(t, c.until(protocol.TypeTurnEnded), 1)
}

func TestUnknownFrameTypeIsAnswered(t *testing.T) {
	f := serve(t, nil)
	f.withEvents("s")
	c := f.dial("/v1/sessions/s/ws")
	c.write(c.kind(), []byte(`{"type":"no.such","id":"u"}`))
	if r := c.await("u"); r.OK || r.Error.Code != protocol.CodeUnknownType {
		t.Errorf("%+v", r)
	}
	page := decode[protocol.EventPage](t, c.do(&protocol.EventsRead{Limit: 1}))
	if len(page.Events) != 1 || !page.More || page.Last != 1 {
		t.Errorf("page %+v", page)
	}
	c.write(c.kind(), []byte(`{"type":"ping","id":"1","id":"2"}`))
	if code, _ := c.closeCode(); code != 1007 {
		t.Errorf("duplicate keys: close code %d, want 1007", code)
	}
}

func TestCommandsRunOnce(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	c := f.dial("/v1/sessions/s/ws", protocol.SubprotocolJSON)
	first := decode[protocol.PromptResult](t, c.doAs("key", &protocol.Prompt{Text: "reply hello"}))
	c.until(protocol.TypeTurnEnded)
	again := c.doAs("key", &protocol.Prompt{Text: "reply hello"})
	if !again.Duplicate || decode[protocol.PromptResult](t, again) != first {
		t.Errorf("sent twice: %+v", again)
	}
	if r := c.doAs("key", &protocol.Prompt{Text: "other"}); r.OK || r.Error.Code != protocol.CodeIdempotencyConflict {
		t.Errorf("other content: %+v", r)
	}
	var res protocol.Result
	f.call("POST", "/v1/sessions/s/commands", `{"type":"prompt","id":"key","text":"reply hello"}`, http.StatusOK, &res)
	if !res.Duplicate {
		t.Errorf("over HTTP: %+v", res)
	}
}

func TestDeletedSessionClosesItsSockets(t *testing.T) {
	f := serve(t, nil)
	f.create("s")
	c := f.dial("/v1/sessions/s/ws")
	next[*protocol.Live](c)
	f.call("DELETE", "/v1/sessions/s", nil, http.StatusNoContent, nil)
	if code, bye := c.closeCode(); code != 4504 || bye == nil || bye.Code != protocol.CodeNotFound {
		t.Errorf("close code %d, goodbye %+v", code, bye)
	}
	f.call("GET", "/v1/sessions/s", nil, http.StatusNotFound, nil)
}

func TestG01_GracefulStop(t *testing.T) {
	f := serve(t, nil)
	last := f.withEvents("s")
	c := f.dial("/v1/sessions/s/ws")
	next[*protocol.Live](c)
	f.server.Drain()
	f.call("GET", "/healthz", nil, http.StatusServiceUnavailable, nil)
	if _, res, err := f.tryDial("/v1/sessions/s/ws", http.Header{"Authorization": {"Bearer " + token}}); err == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new socket while draining: %v %v", res, err)
	}
	if !c.do(&protocol.Ping{}).OK {
		t.Error("an open socket does not go on while draining")
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); f.stop() }()
	code, bye := c.closeCode()
	if code != 1012 || bye == nil || bye.Code != protocol.CodeDraining || bye.After != last || bye.RetryMS < 200 {
		t.Errorf("close code %d, goodbye %+v, head %d", code, bye, last)
	}
	<-stopped
}

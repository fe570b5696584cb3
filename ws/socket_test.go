package ws_test

import (
	"testing"

	"github.com/towline-dev/towline/protocol"
)

func TestSocketCarriesAWholeTurn(t *testing.T) {
	f := serve(t, nil)
	f.create("s1")
	for _, sub := range []string{protocol.SubprotocolJSON, protocol.SubprotocolMsgpack} {
		t.Run(sub, func(t *testing.T) {
			c := f.dial("/v1/sessions/s1/ws?after=head", sub)
			kind, body, err := c.read()
			hello, ok := body.(*protocol.Hello)
			if err != nil || !ok {
				t.Fatalf("first frame is %s: %v", kind, err)
			}
			if hello.Session.ID != "s1" || hello.Protocol != protocol.Version || hello.ClientID == "" || hello.Epoch == "" {
				t.Errorf("hello: %+v", hello)
			}
			if live := next[*protocol.Live](c); live.Seq != hello.Head {
				t.Errorf("live at %d, head %d", live.Seq, hello.Head)
			}
			r := decode[protocol.PromptResult](t, c.doAs(sub, &protocol.Prompt{Text: "reply hello"}))
			if r.PromptID == "" {
				t.Errorf("prompt result: %+v", r)
			}
			events := c.until(protocol.TypeTurnEnded)
			dense(t, events, hello.Head+1)
		})
	}
}

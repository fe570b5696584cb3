package clientlib

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/towline-dev/towline/protocol"
)

func TestCloseCodesThatEndAStream(t *testing.T) {
	for _, code := range []websocket.StatusCode{1000, 1001, 1002, 1003, 1007, 1009, 4501, 4503, 4504, 4526, 4999} {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := play(t, protocol.FormatJSON, func(p *peer) {
					if p.n > 0 {
						t.Error("the client came back")
					}
					p.hello(1)
					p.events(1, 1)
					p.send(&protocol.Goodbye{Code: protocol.CodeNotFound, Reason: "gone", After: 1})
					p.close(code, "gone")
				})
				s := attach(t, c, AttachOptions{})
				want(t, s, 1, 1)
				for range 2 {
					wantEnd(t, s, code)
				}
				if err := s.Interrupt(t.Context()); err == nil {
					t.Error("a command on an ended stream was accepted")
				}
			})
		})
	}
}

// wantEnd fails unless the stream ended with the code.
func wantEnd(t *testing.T, s *Stream, code websocket.StatusCode) {
	t.Helper()
	_, err := s.Next(t.Context())
	if code == websocket.StatusNormalClosure {
		if !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want EOF", err)
		}
		return
	}
	ce, ok := errors.AsType[*CloseError](err)
	if !ok || ce.Status != code || ce.Reason != "gone" || ce.Code != protocol.CodeNotFound {
		t.Fatalf("got %v, want a close with code %d", err, code)
	}
}

func TestCloseCodesThatReconnect(t *testing.T) {
	cases := []struct {
		code     websocket.StatusCode
		min, max time.Duration
	}{
		{1008, time.Second, backoffMax},
		{1011, 0, backoffMin},
		{1012, 200 * time.Millisecond, 2 * time.Second},
		{1013, time.Second, backoffMax},
		{4000, 0, backoffMin},
		{4408, 0, backoffMin},
		{4429, 5 * time.Second, backoffMax},
		{4430, 0, backoffMin},
		{4499, 0, backoffMin},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(int(c.code)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var left time.Time
				client := play(t, protocol.FormatJSON, func(p *peer) {
					p.hello(2)
					if p.n == 0 {
						p.events(1, 1)
						left = time.Now()
						p.close(c.code, "")
						return
					}
					if d := time.Since(left); d < c.min || d > c.max+time.Second {
						t.Errorf("the client came back after %v, want %v to %v", d, c.min, c.max)
					}
					p.events(2, 2)
					p.wait()
				})
				s := attach(t, client, AttachOptions{})
				want(t, s, 1, 2)
			})
		})
	}
}

func TestGoodbyeSaysHowLongToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Time
		lost := make(chan time.Duration, 1)
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(1)
			if p.n == 0 {
				p.send(&protocol.Goodbye{Code: protocol.CodeDraining, Reason: "restart", RetryMS: 30_000})
				left = time.Now()
				p.close(1012, "restart")
				return
			}
			if d := time.Since(left); d < 30*time.Second {
				t.Errorf("the client came back after %v, want 30 s", d)
			}
			p.events(1, 1)
			p.wait()
		})
		s := attach(t, c, AttachOptions{OnDisconnect: func(_ error, wait time.Duration) { lost <- wait }})
		want(t, s, 1, 1)
		if d := <-lost; d < 30*time.Second {
			t.Errorf("OnDisconnect was told a wait of %v", d)
		}
	})
}

func TestRefusedUpgrades(t *testing.T) {
	refuse := func(w http.ResponseWriter, status int, code protocol.Code) bool {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"code":%q,"title":"no","detail":"not today"}`, code)
		return true
	}
	t.Run("at the first attach", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := serve(t, &scripted{t: t, before: func(_ int, w http.ResponseWriter) bool {
				return refuse(w, 503, protocol.CodeDraining)
			}})
			_, err := c.Attach(t.Context(), "s1", AttachOptions{})
			e, ok := errors.AsType[*StatusError](err)
			if !ok || e.Status != 503 || e.RetryAfter != 20*time.Second || protocol.CodeOf(err) != protocol.CodeDraining {
				t.Errorf("got %v, want draining", err)
			}
		})
	})
	t.Run("later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			c := serve(t, &scripted{
				t: t,
				before: func(n int, w http.ResponseWriter) bool {
					return n == 1 && refuse(w, 503, protocol.CodeDraining) || n == 2 && refuse(w, 404, protocol.CodeNotFound)
				},
				script: func(p *peer) { p.hello(0) },
			})
			s := attach(t, c, AttachOptions{})
			_, err := s.Next(t.Context())
			if protocol.CodeOf(err) != protocol.CodeNotFound {
				t.Errorf("got %v, want not_found", err)
			}
			if d := time.Since(start); d < 20*time.Second {
				t.Errorf("the client came back after %v, want the 20 s it was told", d)
			}
		})
	})
}

func TestSilentServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(1)
			if p.n == 1 {
				p.events(1, 1)
			}
			p.wait()
		})
		start := time.Now()
		s := attach(t, c, AttachOptions{})
		want(t, s, 1, 1)
		if d := time.Since(start); d < 60*time.Second || d > 80*time.Second {
			t.Errorf("a silent server was left after %v, want about 60 s", d)
		}
	})
}

func TestPingsKeepAQuietConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := play(t, protocol.FormatJSON, func(p *peer) {
			p.hello(1)
			reading := p.ws.CloseRead(p.ctx)
			for range 20 {
				time.Sleep(25 * time.Second) // bubble time
				if err := p.ws.Ping(reading); err != nil {
					t.Errorf("the client left: %v", err)
				}
			}
			p.events(1, 1)
			<-reading.Done()
		})
		s := attach(t, c, AttachOptions{})
		want(t, s, 1, 1)
	})
}

func TestForeignServersAreRefused(t *testing.T) {
	cases := map[string]func(p *peer){
		"no hello":      func(p *peer) { p.events(1, 1) },
		"other version": func(p *peer) { p.send(&protocol.Hello{Protocol: 99}) },
		"no frame":      func(p *peer) { _ = p.ws.Write(p.ctx, websocket.MessageText, []byte("<html>")) },
		"wrong type":    func(p *peer) { _ = p.ws.Write(p.ctx, websocket.MessageBinary, []byte("{}")) },
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := play(t, protocol.FormatJSON, func(p *peer) { script(p); p.wait() })
				if _, err := c.Attach(t.Context(), "s1", AttachOptions{}); !errors.Is(err, errProtocol) {
					t.Errorf("got %v, want a protocol error", err)
				}
			})
		})
	}
}

func TestCloseWaitsAndReleasesEverybody(t *testing.T) {
	states := map[string]func(p *peer){
		"connected":    func(p *peer) { p.hello(0); p.wait() },
		"reconnecting": func(p *peer) { p.hello(0); p.close(4429, "") },
		"held back": func(p *peer) {
			p.hello(10 * maxQueued)
			for seq := uint64(1); seq < 10*maxQueued; seq += 64 {
				p.events(seq, seq+63)
			}
		},
	}
	for name, script := range states {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := play(t, protocol.FormatJSON, script)
				s, err := c.Attach(t.Context(), "s1", AttachOptions{})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				command := make(chan error, 1)
				go func() { command <- s.Interrupt(t.Context()) }()
				synctest.Wait()
				for range 2 {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				if err := <-command; !errors.Is(err, ErrClosed) {
					t.Errorf("the waiting command got %v, want ErrClosed", err)
				}
				if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
					t.Errorf("Next got %v, want ErrClosed", err)
				}
			})
		})
	}
}

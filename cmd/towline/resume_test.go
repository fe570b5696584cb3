package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/towline-dev/towline/clientlib"
	"github.com/towline-dev/towline/protocol"
)

// cutter is a network between client and server that cuts each connection
// after a random number of the server's bytes. The numbers grow, because a
// connection that ends within its first frame moves nobody on.
type cutter struct {
	listener net.Listener
	server   string
	random   *rand.Rand
	running  sync.WaitGroup
}

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("the cuts have the seed %d", seed)
	c := &cutter{listener: ln, server: server, random: rand.New(rand.NewPCG(seed, 0))}
	c.running.Go(c.accept)
	t.Cleanup(func() { _ = ln.Close(); c.running.Wait() })
	return c
}

func (c *cutter) accept() {
	for n := int64(1); ; n++ {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		limit := 2000 + c.random.Int64N(2000*n)
		c.running.Go(func() { c.carry(client, limit) })
	}
}

// carry copies until the limit, or until one side has left.
func (c *cutter) carry(client net.Conn, limit int64) {
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	_, _ = io.CopyN(client, server, limit)
	_ = client.Close()
	_ = server.Close()
	both.Wait()
}

func TestR01_R02_CutsAgainstTheRealServer(t *testing.T) {
	const prompts = 15
	home := homeFolder(t)
	url, _ := startServe(t, home, "127.0.0.1:0")
	token, err := os.ReadFile(filepath.Join(home, ".state", "token"))
	if err != nil {
		t.Fatal(err)
	}
	opt := clientlib.WithToken(strings.TrimSpace(string(token)))
	direct, err := clientlib.Dial(t.Context(), url, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []protocol.Format{protocol.FormatJSON, protocol.FormatMsgpack} {
		t.Run(format.String(), func(t *testing.T) {
			id := "s-" + format.String()
			if _, err := direct.CreateSession(t.Context(), protocol.SessionCreate{SessionID: id, Agent: "mock", Directory: home}); err != nil {
				t.Fatal(err)
			}
			cut := newCutter(t, strings.TrimPrefix(url, "http://"))
			c, err := clientlib.Dial(t.Context(), "http://"+cut.listener.Addr().String(), opt)
			if err != nil {
				t.Fatal(err)
			}
			s, err := c.Attach(t.Context(), id, clientlib.AttachOptions{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			for i := range prompts {
				if _, err := s.Prompt(t.Context(), protocol.Prompt{Text: fmt.Sprintf("reply number %d", i)}); err != nil {
					t.Fatal(err)
				}
			}
			checkOnce(t, s, prompts)
		})
	}
}

// checkOnce reads until as many turns have ended as there were prompts, and
// fails if an event is missing or double, or a prompt ran twice.
func checkOnce(t *testing.T, s *clientlib.Stream, prompts int) {
	t.Helper()
	ended, last := 0, uint64(0)
	seen := make(map[string]int)
	for e, err := range s.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != last+1 {
			t.Fatalf("event %d follows event %d", e.Seq, last)
		}
		last = e.Seq
		switch d := e.Data.(type) {
		case *protocol.PromptAccepted:
			seen[protocol.Preview(d.Content, 100)]++
		case *protocol.TurnEnded:
			ended++
		}
		if ended == prompts {
			break
		}
	}
	for text, n := range seen {
		if n != 1 {
			t.Errorf("%q was accepted %d times", text, n)
		}
	}
	if len(seen) != prompts {
		t.Errorf("%d prompts were accepted, want %d", len(seen), prompts)
	}
}

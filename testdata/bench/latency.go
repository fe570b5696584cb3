package main

import (
	"context"
	"fmt"
	"time"

	"github.com/towline-dev/towline/protocol"
)

// latencyBar is how much later than through the bare relay a line may reach a
// client, at the median.
const latencyBar = 150 * time.Microsecond

// latency measures from the agent's stamp to the client, at a steady rate.
func latency(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "latency")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	var t50, t99, r50, r99, diff []time.Duration
	prompt := fmt.Sprintf("deltas %d rate %d", b.size.latency, b.size.rate)
	for round := range b.size.rounds {
		mine := &stream{mark: eventDelta, keep: true}
		if err := srv.play(ctx, fmt.Sprintf("latency-%d", round), prompt, b.size.latency, mine); err != nil {
			return nil, err
		}
		bare := &stream{mark: nativeDelta, keep: true}
		if _, err := b.playRelay(ctx, prompt, b.size.latency, bare); err != nil {
			return nil, err
		}
		t50, t99 = append(t50, quantile(mine.delays, 0.5)), append(t99, quantile(mine.delays, 0.99))
		r50, r99 = append(r50, quantile(bare.delays, 0.5)), append(r99, quantile(bare.delays, 0.99))
		diff = append(diff, t50[round]-r50[round])
	}
	what := fmt.Sprintf("agent's line to client at %d events/s", b.size.rate)
	return []row{
		{what + ", p50", spread(t50, micros), spread(r50, micros), "", false},
		{what + ", p50 above the relay's", spread(diff, micros), "", "at most " + micros(latencyBar), median(diff) <= latencyBar},
		{what + ", p99", spread(t99, micros), spread(r99, micros), "", false},
	}, nil
}

// warm makes a session, starts its agent and plays a short turn, and returns
// a socket at the head.
func (s *server) warm(ctx context.Context, session string) (*socket, error) {
	if err := s.create(ctx, session); err != nil {
		return nil, err
	}
	sock, err := dial(ctx, s.socketURL(session, "after=head"), loopback(0))
	if err != nil {
		return nil, err
	}
	if err := sock.send(ctx, &protocol.Prompt{Text: "deltas 10"}); err != nil {
		return nil, err
	}
	return sock, sock.turn(ctx, &stream{mark: eventDelta})
}

// play runs one turn of n deltas in a new session, and checks that none is lost.
func (s *server) play(ctx context.Context, session, prompt string, n int, st *stream) error {
	sock, err := s.warm(ctx, session)
	if err != nil {
		return err
	}
	defer sock.close()
	return sock.play(ctx, prompt, n, st)
}

// play runs one turn of n deltas, and checks that none is lost.
func (s *socket) play(ctx context.Context, prompt string, n int, st *stream) error {
	if err := s.send(ctx, &protocol.Prompt{Text: prompt}); err != nil {
		return err
	}
	if err := s.turn(ctx, st); err != nil {
		return err
	}
	return st.complete(n)
}

// complete fails unless n deltas came.
func (st *stream) complete(n int) error {
	if st.deltas != n {
		return fmt.Errorf("%d of %d deltas came", st.deltas, n)
	}
	return nil
}

// playRelay does the same through a bare relay, and returns its CPU time.
func (b *bench) playRelay(ctx context.Context, prompt string, n int, st *stream) (time.Duration, error) {
	relay, err := b.startRelay(ctx, prompt)
	if err != nil {
		return 0, err
	}
	defer relay.stop()
	before, err := relay.settled(ctx)
	if err != nil {
		return 0, err
	}
	sock, err := dial(ctx, "ws://"+relay.line, loopback(0))
	if err != nil {
		return 0, err
	}
	defer sock.close()
	if err := sock.lines(ctx, st); err != nil {
		return 0, err
	}
	if err := st.complete(n); err != nil {
		return 0, err
	}
	after, err := relay.settled(ctx)
	return after - before, err
}

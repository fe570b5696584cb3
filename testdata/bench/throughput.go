package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	// cpuBar is how many times the bare relay's CPU time a turn may cost.
	cpuBar = 3.0
	// fanBar is how many times the CPU time of one subscriber all may cost.
	fanBar = 12.0
	// replayBar bounds the replay of the stored deltas to a new subscriber.
	replayBar = 500 * time.Millisecond
)

// throughput measures the CPU time of a flood of deltas to one subscriber.
func throughput(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "throughput")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	var mine, bare, wall []time.Duration
	var ratio []float64
	prompt := fmt.Sprintf("flood %d", b.size.deltas)
	for round := range b.size.rounds {
		cost, took, err := srv.flood(ctx, fmt.Sprintf("flood-%d", round), prompt, b.size.deltas)
		if err != nil {
			return nil, err
		}
		relay, err := b.playRelay(ctx, prompt, b.size.deltas, &stream{mark: nativeDelta})
		if err != nil {
			return nil, err
		}
		mine, bare, wall = append(mine, cost), append(bare, relay), append(wall, took)
		ratio = append(ratio, float64(cost)/float64(relay))
	}
	what := fmt.Sprintf("%d deltas to one subscriber, none lost", b.size.deltas)
	return []row{
		{what + ": CPU", spread(mine, seconds), spread(bare, seconds), "", false},
		{what + ": CPU, times the relay's", spread(ratio, times), "", "at most " + times(cpuBar), median(ratio) <= cpuBar},
		{what + ": time", spread(wall, seconds), "", "", false},
	}, nil
}

// flood runs one turn of n deltas and returns its CPU and wall time.
func (s *server) flood(ctx context.Context, session, prompt string, n int) (cpu, wall time.Duration, err error) {
	sock, err := s.warm(ctx, session)
	if err != nil {
		return 0, 0, err
	}
	defer sock.close()
	before, err := s.settled(ctx)
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := sock.play(ctx, prompt, n, &stream{mark: eventDelta}); err != nil {
		return 0, 0, err
	}
	wall = time.Since(begin)
	after, err := s.settled(ctx)
	return after - before, wall, err
}

// fanOut measures what many subscribers cost, in times of one.
func fanOut(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "fanout")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	var one, all []time.Duration
	var ratio []float64
	subs := b.size.subs
	for round := range b.size.rounds {
		cost, _, err := srv.fan(ctx, fmt.Sprintf("fan-%d-one", round), b.size.fan, 1)
		if err != nil {
			return nil, err
		}
		one = append(one, cost)
		if cost, subs, err = srv.fan(ctx, fmt.Sprintf("fan-%d-all", round), b.size.fan, b.size.subs); err != nil {
			return nil, err
		}
		all = append(all, cost)
		ratio = append(ratio, float64(all[round])/float64(one[round]))
	}
	what := fmt.Sprintf("%d deltas to %d subscribers", b.size.fan, subs)
	bar := "at most " + times(fanBar)
	if subs < b.size.subs {
		bar += fmt.Sprintf(" for %d subscribers; the server refused more than %d", b.size.subs, subs)
	}
	return []row{
		{what + ": CPU", spread(all, seconds), "", "", false},
		{fmt.Sprintf("%d deltas to one subscriber: CPU", b.size.fan), spread(one, seconds), "", "", false},
		{what + ": CPU, times one's", spread(ratio, times), "", bar, subs == b.size.subs && median(ratio) <= fanBar},
	}, nil
}

// fan runs one turn of n deltas with so many subscribers, each of which must
// see all, and returns the CPU time. A server may refuse some of them: then
// fewer take part, and their number is returned.
func (s *server) fan(ctx context.Context, session string, n, subs int) (cpu time.Duration, took int, err error) {
	first, err := s.warm(ctx, session)
	if err != nil {
		return 0, 0, err
	}
	socks := []*socket{first}
	defer func() {
		for _, sock := range socks {
			sock.close()
		}
	}()
	for i := 1; i < subs; i++ {
		sock, err := dial(ctx, s.socketURL(session, "after=head"), loopback(i))
		if errors.Is(err, errNoPlace) {
			break
		}
		if err != nil {
			return 0, 0, fmt.Errorf("subscriber %d: %w", i+1, err)
		}
		socks = append(socks, sock)
	}
	cpu, err = s.fanTo(ctx, socks, n)
	return cpu, len(socks), err
}

// fanTo runs one turn of n deltas that all of the sockets must see.
func (s *server) fanTo(ctx context.Context, socks []*socket, n int) (time.Duration, error) {
	before, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(socks))
	var wg sync.WaitGroup
	for i, sock := range socks {
		wg.Go(func() {
			st := &stream{mark: eventDelta}
			errs[i] = errors.Join(sock.turn(ctx, st), st.complete(n))
		})
	}
	err = socks[0].send(ctx, &protocol.Prompt{Text: fmt.Sprintf("flood %d", n)})
	wg.Wait()
	if err = errors.Join(err, errors.Join(errs...)); err != nil {
		return 0, err
	}
	after, err := s.settled(ctx)
	return after - before, err
}

// replay measures how long a new subscriber waits for all that is stored.
func replay(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "replay")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	if _, _, err := srv.flood(ctx, "replay", fmt.Sprintf("flood %d", b.size.deltas), b.size.deltas); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range max(b.size.rounds, 5) {
		d, err := srv.replayOnce(ctx, "replay")
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	what := fmt.Sprintf("replay of %d stored events to a new subscriber", b.size.deltas)
	return []row{{what, spread(took, seconds), "", "at most " + seconds(replayBar), median(took) <= replayBar}}, nil
}

// replayOnce opens a socket at the beginning and reads until it is live.
func (s *server) replayOnce(ctx context.Context, session string) (time.Duration, error) {
	begin := time.Now()
	sock, err := dial(ctx, s.socketURL(session, "after=0"), loopback(0))
	if err != nil {
		return 0, err
	}
	defer sock.close()
	if err := sock.live(ctx); err != nil {
		return 0, err
	}
	if took := time.Since(begin); sock.seq > 0 {
		return took, nil
	}
	return 0, errors.New("nothing was replayed")
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	approvalBar = 5 * time.Millisecond
	// approvalTailBar bounds the 99th of 100 approvals.
	approvalTailBar = 30 * time.Millisecond
	// approvalPace keeps decisions below what one socket may send.
	approvalPace = 60 * time.Millisecond
)

// approval measures the loop of permissions: the client decides, the agent
// reads the decision and asks again, the client has the next ask. Both ways
// are in it, and the fsync that makes the decision durable.
func approval(ctx context.Context, b *bench) ([]row, error) {
	srv, err := b.startServer(ctx, "approval")
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	sock, err := srv.warm(ctx, "approval")
	if err != nil {
		return nil, err
	}
	defer sock.close()
	if err := sock.send(ctx, &protocol.Prompt{Text: askScript(b.size.approvals)}); err != nil {
		return nil, err
	}
	loops, err := sock.approve(ctx, b.size.approvals)
	if err != nil {
		return nil, err
	}
	p50, p99 := quantile(loops, 0.5), quantile(loops, 0.99)
	what := fmt.Sprintf("approval: decision to agent's stdin, next ask to client, %d times", len(loops))
	return []row{
		{what + ", p50", millis(p50), "", "at most " + millis(approvalBar), p50 <= approvalBar},
		{what + ", p99", millis(p99), "", "at most " + millis(approvalTailBar), p99 <= approvalTailBar},
	}, nil
}

// askScript is a prompt in which the agent asks n times, and once more.
func askScript(n int) string { return strings.Repeat(`ask Bash {"command":"true"};;`, n+1) }

// approve allows n+1 asks, and returns how long it took from each decision to
// the next ask.
func (s *socket) approve(ctx context.Context, n int) ([]time.Duration, error) {
	var loops []time.Duration
	var decided time.Time
	for range n + 1 {
		id, err := s.ask(ctx)
		if err != nil {
			return nil, err
		}
		if !decided.IsZero() {
			loops = append(loops, time.Since(decided))
		}
		if err := pause(ctx, approvalPace); err != nil {
			return nil, err
		}
		decided = time.Now()
		if err := s.send(ctx, &protocol.PermissionDecide{PermissionID: id, Decision: protocol.Allow}); err != nil {
			return nil, err
		}
	}
	return loops, nil
}

// ask reads until an event tells of a permission, and returns its id.
func (s *socket) ask(ctx context.Context) (string, error) {
	for {
		frame, err := s.read(ctx)
		if err != nil {
			return "", fmt.Errorf("cannot read a frame: %w", err)
		}
		if err := s.checkFrame(frame); err != nil {
			return "", err
		}
		if !bytes.Contains(frame, []byte(`"type":"permission.requested"`)) {
			continue
		}
		_, body, err := protocol.DecodeServerFrame(protocol.FormatJSON, frame)
		if err != nil {
			return "", fmt.Errorf("cannot read an ask: %w", err)
		}
		if events, ok := body.(*protocol.Events); ok {
			for _, ev := range events.Events {
				if p, ok := ev.Data.(*protocol.PermissionRequested); ok {
					return p.Permission.PermissionID, nil
				}
			}
		}
	}
}

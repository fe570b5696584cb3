package clientlib

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestAdviceFollowsTheTableOfCloseCodes(t *testing.T) {
	cases := map[websocket.StatusCode]advice{
		1000: stop, 1001: stop, 1002: stop, 1003: stop, 1007: stop, 1009: stop,
		1008: retryBackOff, 1011: retry, 1012: retryRestart, 1013: retryBackOff,
		4000: retry, 4408: retry, 4429: retryLimited, 4430: retry, 4499: retry,
		4500: stop, 4501: stop, 4503: stop, 4504: stop, 4526: stop, 4999: stop,
		1005: retry, 1006: retry,
	}
	for code, want := range cases {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			if got := adviceForError(fmt.Errorf("cannot read: %w", websocket.CloseError{Code: code})); got != want {
				t.Errorf("got advice %d, want %d", got, want)
			}
		})
	}
}

func TestAdviceForRefusalsBeforeTheUpgrade(t *testing.T) {
	cases := map[int]advice{
		400: stop, 401: stop, 403: stop, 404: stop, 409: stop, 413: stop, 415: stop, 426: stop,
		429: retryLimited, 503: retryBackOff, 500: retry, 502: retry, 408: retry,
	}
	for status, want := range cases {
		if got := adviceForError(fmt.Errorf("cannot dial: %w", &StatusError{Status: status})); got != want {
			t.Errorf("status %d: got advice %d, want %d", status, got, want)
		}
	}
	if got := adviceForError(errors.New("connection refused")); got != retry {
		t.Errorf("network error: got advice %d, want retry", got)
	}
	if got := adviceForError(fmt.Errorf("%w: no hello", errProtocol)); got != stop {
		t.Errorf("protocol error: got advice %d, want stop", got)
	}
}

func TestBackoffStaysInItsBounds(t *testing.T) {
	cases := []struct {
		advice   advice
		at       time.Duration
		min, max time.Duration
	}{
		{retry, 0, backoffMin / 2, backoffMax},
		{retryRestart, 0, 200 * time.Millisecond, 2 * time.Second},
		{retryBackOff, 0, time.Second, backoffMax},
		{retryLimited, 0, 5 * time.Second, backoffMax},
		{retry, 30 * time.Second, 30 * time.Second, 30 * time.Second},
	}
	for _, c := range cases {
		var b backoff
		for range 100 {
			if d := b.next(c.advice, c.at); d < c.min || d > c.max {
				t.Errorf("advice %d, try %d: %v is outside %v to %v", c.advice, b.tries, d, c.min, c.max)
			}
		}
	}
	b := backoff{tries: 50}
	b.reset()
	if d := b.next(retry, 0); d > backoffMin {
		t.Errorf("the first wait after a reset is %v, want at most %v", d, backoffMin)
	}
}

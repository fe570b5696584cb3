package leak

import (
	"testing"
	"time"
)

func TestStrangersSeesALeak(t *testing.T) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { defer close(done); <-stop }()
	if left := await(0); left == "" {
		t.Error("a parked goroutine was not seen")
	}
	close(stop)
	<-done
	if left := await(time.Second); left != "" {
		t.Errorf("after its end a goroutine is still seen:\n%s", left)
	}
}

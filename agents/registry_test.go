package agents

import (
	"errors"
	"testing"
)

// closing is an agent with something to close.
type closing struct {
	Agent
	name   string
	err    error
	closed int
}

func (c *closing) Name() string { return c.name }

func (c *closing) Close() error {
	c.closed++
	return c.err
}

// named is an agent with nothing to close.
type named struct{ Agent }

func (named) Name() string { return "named" }

func TestRegistryClosesAgents(t *testing.T) {
	failure := errors.New("stuck")
	a, b := &closing{name: "a", err: failure}, &closing{name: "b"}
	err := NewRegistry(a, named{}, b).Close()
	if !errors.Is(err, failure) || a.closed != 1 || b.closed != 1 {
		t.Errorf("closed %d and %d times, error %v", a.closed, b.closed, err)
	}
}

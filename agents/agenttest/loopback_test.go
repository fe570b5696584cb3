package agenttest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// noted is a test whose faults are kept instead of failing it.
type noted struct {
	*testing.T
	fault atomic.Value
}

func (n *noted) Errorf(format string, args ...any) { n.fault.Store(fmt.Sprintf(format, args...)) }

// A tool call for which an agent has no tool is a fault of the scenario, not a
// crash of the program that the model server is part of.
func TestCallWithoutTool(t *testing.T) {
	t.Parallel()
	n := &noted{T: t}
	m := agenttest.NewMessages(n)
	script := m.On("odd", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "juggle"}}))
	body := strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"` + script.Marker() + `"}]}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL()+"/v1/messages", body)
	ok(t, err)
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Errorf("the call was answered with %s", response.Status)
	}
	if fault, _ := n.fault.Load().(string); !strings.Contains(fault, "juggle") {
		t.Errorf("the fault that was noted is %q", fault)
	}
}

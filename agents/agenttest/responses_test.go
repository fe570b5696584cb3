package agenttest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// respond asks a server for the response to input.
func respond(t *testing.T, m *agenttest.Responses, input string) (response *http.Response, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL()+"/v1/responses",
		bytes.NewBufferString(`{"model":"gpt-5.5","stream":true,"input":[`+input+`]}`))
	ok(t, err)
	request.Header.Set("Thread-Id", "thread-1")
	response, err = http.DefaultClient.Do(request)
	ok(t, err)
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	ok(t, err)
	return response, string(b)
}

// asks is a prompt by a user, after the words that Codex puts before it.
func asks(marker string) string {
	return `{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be good."}]},` +
		`{"type":"message","role":"user","content":[{"type":"input_text","text":"` + marker + `"}]}`
}

// A conversation is placed by its marker and what tools gave since.
func TestResponsesRounds(t *testing.T) {
	t.Parallel()
	m := agenttest.NewResponses(t)
	s := m.On("work",
		agenttest.Play(agenttest.Think("Hm."), agenttest.Block{Do: &agenttest.Do{Kind: "edit", Path: "/w/a", Old: "\tone\ntwo", New: "\teins"}}),
		agenttest.Play(agenttest.Say("Done.")),
	)
	_, first := respond(t, m, asks(s.Marker()))
	for _, want := range []string{
		`"type":"response.reasoning_summary_text.delta"`, `"summary":[{"text":"Hm.","type":"summary_text"}]`, `"type":"custom_tool_call"`,
		`"input":"*** Begin Patch\n*** Update File: /w/a\n@@\n-\tone\n-two\n+\teins\n*** End Patch\n"`, `"output_tokens":20`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the first round has no %s: %s", want, first)
		}
	}
	_, second := respond(t, m, asks(s.Marker())+`,{"type":"reasoning","summary":[]},{"type":"custom_tool_call","call_id":"c1","name":"apply_patch"},`+
		`{"type":"custom_tool_call_output","call_id":"c1","output":[{"type":"input_text","text":"a file"}]}`)
	if !strings.Contains(second, `"text":"Done."`) || !strings.Contains(second, "response.completed") {
		t.Errorf("the second round: %s", second)
	}
	requests := s.Requests()
	if len(requests) != 2 || requests[1].Conversation != "thread-1" || len(requests[1].ToolResults) != 1 || requests[1].ToolResults[0].Text != "a file" {
		t.Errorf("requests %+v", requests)
	}
}

// A subagent of a script is two calls of Codex: the model begins it, and waits.
func TestResponsesSubagent(t *testing.T) {
	t.Parallel()
	m := agenttest.NewResponses(t)
	s := m.On("work", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "Count."}}), agenttest.Play(agenttest.Say("Done.")))
	if _, first := respond(t, m, asks(s.Marker())); !strings.Contains(first, `"name":"spawn_agent","namespace":"multi_agent_v1"`) {
		t.Errorf("the first round: %s", first)
	}
	begun := asks(s.Marker()) + `,{"type":"function_call","call_id":"c1","name":"spawn_agent"},` +
		`{"type":"function_call_output","call_id":"c1","output":"{\"agent_id\":\"agent-7\"}"}`
	if _, wait := respond(t, m, begun); !strings.Contains(wait, `"name":"wait_agent"`) || !strings.Contains(wait, "agent-7") {
		t.Errorf("the answer to a subagent that began: %s", wait)
	}
	_, second := respond(t, m, begun+`,{"type":"function_call","call_id":"c2","name":"wait_agent"},{"type":"function_call_output","call_id":"c2","output":"done"}`)
	if !strings.Contains(second, `"text":"Done."`) {
		t.Errorf("the second round: %s", second)
	}
}

// Failures: an answer with a status and a hint, an error in the stream, a cut.
func TestResponsesFailures(t *testing.T) {
	t.Parallel()
	m := agenttest.NewResponses(t)
	fail := func(name string, f agenttest.Failure) string {
		return asks(m.On(name, agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("Well.")}, Fail: &f}).Marker())
	}
	once := fail("limit", agenttest.Failure{Status: http.StatusTooManyRequests, Times: 1})
	if r, body := respond(t, m, once); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "1" || !strings.Contains(body, "try again in 1s") {
		t.Errorf("the limit: %s %s", r.Status, body)
	}
	if r, body := respond(t, m, once); r.StatusCode != http.StatusOK || !strings.Contains(body, "response.completed") {
		t.Errorf("after the limit: %s %s", r.Status, body)
	}
	if _, body := respond(t, m, fail("inside", agenttest.Failure{Status: 500, InStream: true})); !strings.Contains(body, "response.failed") ||
		strings.Contains(body, "output_item.done") {
		t.Errorf("an error in the stream: %s", body)
	}
	if r, _ := respond(t, m, "7"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a malformed request: %s", r.Status)
	}
}

package agenttest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// complete asks a chat server for a completion of messages.
func complete(t *testing.T, c *agenttest.Chat, messages string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL()+"/v1/chat/completions",
		bytes.NewBufferString(`{"model":"one","stream":true,"messages":[`+messages+`]}`))
	ok(t, err)
	request.Header.Set("X-Session-Id", "ses_1")
	response, err := http.DefaultClient.Do(request)
	ok(t, err)
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	ok(t, err)
	return response.StatusCode, string(b)
}

// A conversation is placed by its marker and what tools have told since.
func TestChatRounds(t *testing.T) {
	t.Parallel()
	c := agenttest.NewChat(t)
	s := c.On("work",
		agenttest.Play(agenttest.Think("Hm."), agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "ls"}}),
		agenttest.Play(agenttest.Say("Done.")),
	)
	prompt := `{"role":"system","content":"Be good."},{"role":"user","content":[{"type":"text","text":"` + s.Marker() + `"}]}`
	_, first := complete(t, c, prompt)
	for _, want := range []string{`"reasoning_content":"H`, `"name":"bash"`, `"finish_reason":"tool_calls"`, `"completion_tokens":20`, "data: [DONE]"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first round has no %s: %s", want, first)
		}
	}
	_, second := complete(t, c, prompt+`,{"role":"assistant","content":""},{"role":"tool","tool_call_id":"call_1","content":"a file"}`)
	if !strings.Contains(second, `"finish_reason":"stop"`) || strings.Contains(second, "tool_calls") {
		t.Errorf("the second round: %s", second)
	}
	requests := s.Requests()
	if len(requests) != 2 || requests[1].Conversation != "ses_1" || len(requests[1].ToolResults) != 1 || requests[1].ToolResults[0].Text != "a file" {
		t.Errorf("requests %+v", requests)
	}
}

// Requests for a title or a summary are no part of the conversation.
func TestChatSideCalls(t *testing.T) {
	t.Parallel()
	c := agenttest.NewChat(t)
	s := c.On("work", agenttest.Play(agenttest.Say("Wrong.")))
	for system, want := range map[string]string{
		"You are a title generator. Be brief.": agenttest.ChatTitle, "You are a context summarization agent": agenttest.ChatSummary,
	} {
		_, body := complete(t, c, `{"role":"system","content":"`+system+`"},{"role":"user","content":"`+s.Marker()+`"}`)
		if !strings.Contains(body, want[:3]) || strings.Contains(body, "Wro") {
			t.Errorf("%s: %s", system, body)
		}
	}
	if len(s.Requests()) != 0 {
		t.Error("the script was asked")
	}
}

// Failures: an answer with a status, an error in the stream, a cut.
func TestChatFailures(t *testing.T) {
	t.Parallel()
	c := agenttest.NewChat(t)
	fail := func(name string, f agenttest.Failure) string {
		return `{"role":"user","content":"` + c.On(name, agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("Well.")}, Fail: &f}).Marker() + `"}`
	}
	once := fail("limit", agenttest.Failure{Status: http.StatusTooManyRequests, Times: 1})
	if status, body := complete(t, c, once); status != http.StatusTooManyRequests || !strings.Contains(body, "rate_limit_error") {
		t.Errorf("the limit: %d %s", status, body)
	}
	if status, body := complete(t, c, once); status != http.StatusOK || !strings.Contains(body, "[DONE]") {
		t.Errorf("after the limit: %d %s", status, body)
	}
	if _, body := complete(t, c, fail("inside", agenttest.Failure{Status: 500, InStream: true})); !strings.Contains(body, `"error"`) || strings.Contains(body, "[DONE]") {
		t.Errorf("an error in the stream: %s", body)
	}
	if status, _ := complete(t, c, "7"); status != http.StatusBadRequest {
		t.Errorf("a malformed request: %d", status)
	}
}

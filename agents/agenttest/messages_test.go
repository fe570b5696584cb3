package agenttest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest"
)

// ask posts a conversation; messages is the JSON of its list.
func ask(t *testing.T, m *agenttest.Messages, stream bool, messages string) (status int, header http.Header, body string) {
	t.Helper()
	request := fmt.Sprintf(`{"model":"a-model","stream":%v,"messages":[%s]}`, stream, messages)
	resp, err := http.Post(m.URL()+"/v1/messages?beta=true", "application/json", strings.NewReader(request))
	ok(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		b = append(b, "(cut)"...)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func user(text string) string { return `{"role":"user","content":` + quoted(text) + `}` }

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// ids are what differs from run to run.
var ids = regexp.MustCompile(`(msg|toolu)_[A-Z0-9]{26}`)

const start = `event: message_start
data: {"message":{"content":[],"id":"msg_ID","model":"a-model","role":"assistant","stop_reason":null,"stop_sequence":null,"type":"message","usage":{"cache_creation_input_tokens":0,"cache_read_input_tokens":2000,"input_tokens":100,"output_tokens":1,"service_tier":"standard"}},"type":"message_start"}

event: ping
data: {"type":"ping"}

`

func TestMessagesStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		round agenttest.Round
		want  string
	}{
		{"text in characters", agenttest.Play(agenttest.Block{Text: "äö", Chunks: 9}), start + `event: content_block_start
data: {"content_block":{"text":"","type":"text"},"index":0,"type":"content_block_start"}

event: content_block_delta
data: {"delta":{"text":"ä","type":"text_delta"},"index":0,"type":"content_block_delta"}

event: content_block_delta
data: {"delta":{"text":"ö","type":"text_delta"},"index":0,"type":"content_block_delta"}

event: content_block_stop
data: {"index":0,"type":"content_block_stop"}

event: message_delta
data: {"delta":{"stop_reason":"end_turn","stop_sequence":null},"type":"message_delta","usage":{"output_tokens":20}}

event: message_stop
data: {"type":"message_stop"}

`},
		{"thinking and a tool", agenttest.Play(agenttest.Block{Thinking: "Hm.", Chunks: 1}, agenttest.Block{Call: &agenttest.Call{Name: "Tool", Input: map[string]int{"n": 1}}, Chunks: 2}), start + `event: content_block_start
data: {"content_block":{"signature":"","thinking":"","type":"thinking"},"index":0,"type":"content_block_start"}

event: content_block_delta
data: {"delta":{"thinking":"Hm.","type":"thinking_delta"},"index":0,"type":"content_block_delta"}

event: content_block_delta
data: {"delta":{"signature":"c2lnbmF0dXJl","type":"signature_delta"},"index":0,"type":"content_block_delta"}

event: content_block_stop
data: {"index":0,"type":"content_block_stop"}

event: content_block_start
data: {"content_block":{"id":"toolu_ID","input":{},"name":"Tool","type":"tool_use"},"index":1,"type":"content_block_start"}

event: content_block_delta
data: {"delta":{"partial_json":"{\"n","type":"input_json_delta"},"index":1,"type":"content_block_delta"}

event: content_block_delta
data: {"delta":{"partial_json":"\":1}","type":"input_json_delta"},"index":1,"type":"content_block_delta"}

event: content_block_stop
data: {"index":1,"type":"content_block_stop"}

event: message_delta
data: {"delta":{"stop_reason":"tool_use","stop_sequence":null},"type":"message_delta","usage":{"output_tokens":20}}

event: message_stop
data: {"type":"message_stop"}

`},
		{"a reason of its own", agenttest.Round{Stop: "max_tokens"}, start + `event: message_delta
data: {"delta":{"stop_reason":"max_tokens","stop_sequence":null},"type":"message_delta","usage":{"output_tokens":20}}

event: message_stop
data: {"type":"message_stop"}

`},
		{"an error inside", agenttest.Round{Fail: &agenttest.Failure{Status: 529, InStream: true}}, start + `event: error
data: {"error":{"message":"scripted failure 529","type":"overloaded_error"},"type":"error"}

`},
		{"cut", agenttest.Round{Fail: &agenttest.Failure{Cut: true}}, start + "(cut)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := agenttest.NewMessages(t)
			status, _, body := ask(t, m, true, user(m.On("s", c.round).Marker()))
			if got := ids.ReplaceAllString(body, "${1}_ID"); status != http.StatusOK || got != c.want {
				t.Errorf("status %d, got\n%s\nwant\n%s", status, got, c.want)
			}
		})
	}
}

func TestMessagesWhole(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("s", agenttest.Play(agenttest.Think("Hm."), agenttest.Say("Yes."), agenttest.Use("Tool", map[string]int{"n": 1})))
	_, header, body := ask(t, m, false, user(s.Marker()))
	const want = `{"content":[{"signature":"c2lnbmF0dXJl","thinking":"Hm.","type":"thinking"},{"text":"Yes.","type":"text"},` +
		`{"id":"toolu_ID","input":{"n":1},"name":"Tool","type":"tool_use"}],"id":"msg_ID","model":"a-model","role":"assistant",` +
		`"stop_reason":"tool_use","stop_sequence":null,"type":"message","usage":{"cache_creation_input_tokens":0,` +
		`"cache_read_input_tokens":2000,"input_tokens":100,"output_tokens":20,"service_tier":"standard"}}` + "\n"
	if got := ids.ReplaceAllString(body, "${1}_ID"); got != want || header.Get("Content-Type") != "application/json" {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMessagesFailures(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
		429: "rate_limit_error", 500: "api_error", 529: "overloaded_error", 418: "api_error",
	} {
		m := agenttest.NewMessages(t)
		s := m.On("s", agenttest.Round{Blocks: []agenttest.Block{agenttest.Say("Well.")}, Fail: &agenttest.Failure{Status: status, RetryAfter: 2e9, Times: 1}})
		got, header, body := ask(t, m, true, user(s.Marker()))
		if got != status || header.Get("Retry-After") != "2" || !strings.Contains(body, `"type":"`+kind+`"`) {
			t.Errorf("status %d, want %d: %v %s", got, status, header, body)
		}
		if got, _, body := ask(t, m, false, user(s.Marker())); got != http.StatusOK || !strings.Contains(body, "Well.") {
			t.Errorf("the second time: %d %s", got, body)
		}
	}
	m := agenttest.NewMessages(t)
	if got, _, _ := ask(t, m, true, "nonsense"); got != http.StatusBadRequest {
		t.Errorf("a malformed request was answered with %d", got)
	}
}

// Where a conversation stands is read from its content alone.
func TestMessagesRounds(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	m.On("a", agenttest.Play(agenttest.Say("a0")), agenttest.Play(agenttest.Say("a1")), agenttest.Play(agenttest.Say("a2")))
	m.On("b", agenttest.Play(agenttest.Say("b0")))
	const (
		call   = `{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"T","input":{"prompt":"[[script:b]]"}}]}`
		result = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"saw [[script:b]]"}]}`
		system = `{"role":"system","content":"[[script:b]]"}`
	)
	for _, c := range []struct{ name, messages, want string }{
		{"first", user("do [[script:a]]"), "a0"},
		{"as a list", `{"role":"user","content":[{"type":"text","text":"<system-reminder>"},{"type":"text","text":"[[script:a]]"}]}`, "a0"},
		{"after a tool", user("[[script:a]]") + "," + call + "," + result, "a1"},
		{"results in two messages", user("[[script:a]]") + "," + call + "," + call + "," + result + "," + result, "a1"},
		{"system messages between", user("[[script:a]]") + "," + system + "," + call + "," + system + "," + result + "," + system, "a1"},
		{"a nudge", user("[[script:a]]") + "," + call + "," + result + `,{"role":"assistant","content":"half"},` + user("go on"), "a2"},
		{"another script", user("[[script:a]]") + "," + call + "," + result + `,{"role":"assistant","content":"a1"},` + user("[[script:b]]"), "b0"},
		{"a failed prompt repeated", user("[[script:a]]\n[[script:b]]"), "b0"},
		{"beyond the end", user("[[script:b]]") + "," + call + "," + result, "The script b has no round 1."},
		{"unknown", user("[[script:c]]"), "There is no script c."},
		{"none", user("hi"), "This prompt names no script."},
		{"empty", "", "This prompt names no script."},
	} {
		if _, _, body := ask(t, m, false, c.messages); !strings.Contains(body, quoted(c.want)) {
			t.Errorf("%s: want %s in %s", c.name, c.want, body)
		}
	}
}

func TestMessagesRecords(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("a", agenttest.Play(agenttest.Say("0")), agenttest.Play(agenttest.Say("1")))
	ask(t, m, true, user("[[script:a]]")+`,{"role":"assistant","content":"x"},{"role":"user","content":[
		{"type":"tool_result","tool_use_id":"x","is_error":true,"content":[{"type":"text","text":"bad"}]},{"type":"text","text":"and this"}]}`)
	for _, path := range []string{"/", "/api/hello"} {
		resp, err := http.Head(m.URL() + path)
		ok(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, resp.StatusCode)
		}
	}
	resp, err := http.Post(m.URL()+"/v1/messages/count_tokens", "application/json", strings.NewReader(`{"messages":[]}`))
	ok(t, err)
	var count struct {
		Tokens int `json:"input_tokens"`
	}
	ok(t, json.NewDecoder(resp.Body).Decode(&count))
	resp.Body.Close()
	if count.Tokens < 1 || len(m.Requests()) != 4 || len(s.Requests()) != 1 {
		t.Fatalf("%d tokens, %d requests, %d of the script", count.Tokens, len(m.Requests()), len(s.Requests()))
	}
	r := s.Requests()[0]
	if r.Model != "a-model" || r.Round != 1 || r.UserText != "and this" || len(r.ToolResults) != 1 || r.ToolResults[0] != (agenttest.ToolResult{ID: "x", Text: "bad", Error: true}) {
		t.Errorf("recorded %+v", r)
	}
}

// A stream that waits is let go by the test, or ends with its client.
func TestMessagesHold(t *testing.T) {
	t.Parallel()
	m := agenttest.NewMessages(t)
	s := m.On("a", agenttest.Play(agenttest.Block{Text: "one two", Hold: true}))
	var all sync.WaitGroup
	all.Go(func() {
		if _, _, body := ask(t, m, true, user(s.Marker())); !strings.Contains(body, "message_stop") {
			t.Errorf("after its release the stream is %s", body)
		}
	})
	s.WaitHeld(t)
	s.Release()
	all.Wait()

	s = m.On("b", agenttest.Play(agenttest.Block{Text: "one two", Hold: true}))
	body := `{"stream":true,"messages":[` + user(s.Marker()) + `]}`
	resp, err := http.Post(m.URL()+"/v1/messages", "application/json", strings.NewReader(body))
	ok(t, err)
	s.WaitHeld(t)
	resp.Body.Close()
	s.WaitAborted(t)
}

func TestInDir(t *testing.T) {
	t.Parallel()
	rounds := []agenttest.Round{agenttest.Play(
		agenttest.Say("text"),
		agenttest.Block{Do: &agenttest.Do{Kind: "read", Path: "a/b"}},
		agenttest.Block{Do: &agenttest.Do{Kind: "read", Path: "/c"}},
	)}
	placed := agenttest.InDir("/work", rounds)
	if a, c := placed[0].Blocks[1].Do.Path, placed[0].Blocks[2].Do.Path; a != "/work/a/b" || c != "/c" {
		t.Errorf("paths %s and %s", a, c)
	}
	if rounds[0].Blocks[1].Do.Path != "a/b" {
		t.Error("the rounds were changed")
	}
}

// Whatever an agent sends, the server answers.
func FuzzMessages(f *testing.F) {
	f.Add(`{"messages":[{"role":"user","content":"[[script:a]]"}]}`)
	f.Add(`{"stream":true,"messages":[{"role":"user","content":[{"type":"tool_result","content":[]}]}]}`)
	f.Add(`{"messages":{}}`)
	m := agenttest.NewMessages(f)
	m.On("a", agenttest.Play(agenttest.Say("yes")))
	f.Fuzz(func(t *testing.T, body string) {
		resp, err := http.Post(m.URL()+"/v1/messages", "application/json", strings.NewReader(body))
		ok(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		ok(t, err)
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

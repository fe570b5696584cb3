package agenttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Amp is a scripted server of Amp's own service on loopback, as much of it as
// the CLI of April 2026 needs (amp PROTOCOL.md section 7): it keeps threads,
// and answers the model's requests, which go through it, by the same scripts
// as Messages. Safe for any number of agents at the same time; it closes
// itself when its test ends.
type Amp struct {
	*Messages

	mu sync.Mutex
	// threads are those that were uploaded, by their ids.
	threads map[string]json.RawMessage
}

// NewAmp starts a server.
func NewAmp(t T) *Amp {
	a := &Amp{Messages: &Messages{tools: ampTool}, threads: map[string]json.RawMessage{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/internal", a.internal)
	mux.HandleFunc("POST /api/provider/anthropic/v1/messages", a.model)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }) // telemetry and such
	a.url = serve(t, mux)
	return a
}

// internal answers the service's own calls; the query names the method.
func (a *Amp) internal(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Params struct {
			Thread json.RawMessage `json:"thread"`
		} `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		body.Params.Thread = nil // a call without parameters
	}
	w.Header().Set("Content-Type", "application/json")
	method, _, _ := strings.Cut(r.URL.RawQuery, "&")
	_ = json.NewEncoder(w).Encode(a.result(method, body.Params.Thread)) // a client that is gone needs none
}

// result is the answer to one call.
func (a *Amp) result(method string, thread json.RawMessage) object {
	ok := func(result any) object { return object{"ok": true, "result": result} }
	switch method {
	case "getUserInfo":
		return ok(object{"id": "user_test", "email": "test@localhost", "username": "test", "features": []string{}, "team": nil})
	case "getUserFreeTierStatus":
		return ok(object{"canUseAmpFree": false, "isDailyGrantEnabled": false})
	case "uploadThread":
		a.keep(thread)
	case "getThread":
		var id string
		_ = json.Unmarshal(thread, &id) // what is no id is not known
		if kept := a.kept(id); kept != nil {
			return ok(object{"thread": object{"data": kept}})
		}
		return object{"ok": false, "error": object{"code": "thread-not-found"}}
	}
	return ok(object{})
}

// keep keeps a thread as it was uploaded last.
func (a *Amp) keep(thread json.RawMessage) {
	var t struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(thread, &t) != nil || t.ID == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.threads[t.ID] = thread
}

// kept is a thread, nil for an unknown one.
func (a *Amp) kept(id string) json.RawMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.threads[id]
}

// model answers a request to the model. One for a title is no part of the
// conversation, though it repeats the prompt.
func (a *Amp) model(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var body struct {
		Stream    bool `json:"stream"`
		MaxTokens int  `json:"max_tokens"`
		Choice    struct {
			Name string `json:"name"`
		} `json:"tool_choice"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		refuse(w, &Failure{Status: http.StatusBadRequest, Message: "cannot read the request: " + err.Error()})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if !body.Stream && (body.Choice.Name == "set_title" || body.MaxTokens <= 100) {
		request := &Request{Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: raw}
		a.record(request)
		title := Play(Use("set_title", object{"title": "A scripted title"}))
		messagesAnswer{request: request, round: title, tools: ampTool}.whole(w, r)
		return
	}
	a.messages(w, r)
}

// ampTool puts a tool call into the words of Amp (amp PROTOCOL.md section 3).
func ampTool(d Do) Call {
	switch d.Kind {
	case "execute":
		return Call{"Bash", object{"cmd": d.Command}}
	case "read":
		return Call{"Read", object{"path": d.Path}}
	case "write":
		return Call{"create_file", object{"path": d.Path, "content": d.Content}}
	case "edit":
		return Call{"edit_file", object{"path": d.Path, "old_str": d.Old, "new_str": d.New}}
	case "fetch":
		return Call{"read_web_page", object{"url": d.URL}}
	case "subagent":
		return Call{"Task", object{"prompt": d.Text, "description": "Scripted task"}}
	case "mcp":
		return Call{"mcp__" + d.Server + "__" + d.Tool, d.Input}
	}
	panic(fmt.Sprintf("no tool of Amp does %q", d.Kind))
}

// AmpHome makes a home whose Amp knows no service but that at base. The test
// fails if base is not on loopback.
func AmpHome(t T, base string) *Home {
	t.Helper()
	h := NewHome(t, base)
	for _, name := range []string{"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"} {
		delete(h.Vars, name)
	}
	h.Vars["AMP_URL"], h.Vars["AMP_API_KEY"] = base, "fake-key"
	return h
}

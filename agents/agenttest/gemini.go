package agenttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Gemini is a scripted server of the Gemini API on loopback, as much of it as
// the Gemini CLI needs (acp PROTOCOL.md section 7). It plays the same scripts
// as Messages. It is safe for any number of agents at the same time, and closes
// itself when its test ends.
//
// Requests that offer the model no tools (routing, titles) are answered with a
// fixed text: they repeat the prompt, and so its marker.
type Gemini struct {
	url string
	book
}

// NewGemini starts a server.
func NewGemini(t T) *Gemini {
	g := &Gemini{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1beta/models/{call}", g.generate)
	g.url = serve(t, mux)
	return g
}

// URL is the server's address, for GOOGLE_GEMINI_BASE_URL.
func (g *Gemini) URL() string { return g.url }

// geminiBody is what matters of a request body.
type geminiBody struct {
	Contents []struct {
		Role  string       `json:"role"`
		Parts []geminiPart `json:"parts"`
	} `json:"contents"`
	Tools []json.RawMessage `json:"tools"`
}

type geminiPart struct {
	Text     string `json:"text"`
	Response *struct {
		ID       string          `json:"id"`
		Response json.RawMessage `json:"response"`
	} `json:"functionResponse"`
}

// generate answers a call of a model: its path ends in the model's name, a
// colon and what to do.
func (g *Gemini) generate(w http.ResponseWriter, r *http.Request) {
	model, method, _ := strings.Cut(r.PathValue("call"), ":")
	raw, err := io.ReadAll(r.Body)
	var body geminiBody
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		refuseGemini(w, &Failure{Status: http.StatusBadRequest, Message: "cannot read the request: " + err.Error()})
		return
	}
	request := &Request{
		Method: r.Method, Path: r.URL.Path, Header: r.Header, Model: model, Stream: method == "streamGenerateContent", Body: raw,
	}
	answer := geminiAnswer{request: request, round: Play(Say("{}"))}
	if method == "countTokens" {
		g.record(request)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"totalTokens":%d}`, 1+len(raw)/4) // a client that is gone needs none
		return
	}
	if len(body.Tools) > 0 {
		request.place(geminiMessages(body))
		answer.script, answer.round = g.due(request)
	}
	g.record(request)
	failure := answer.script.failure(request)
	switch {
	case failure != nil && !failure.Cut && !failure.InStream:
		refuseGemini(w, failure)
	case request.Stream:
		answer.stream(w, r, failure)
	default:
		answer.whole(w)
	}
}

// geminiMessages puts the conversation into the words that scripts are placed
// by: what a tool told is the user's side.
func geminiMessages(body geminiBody) []messagesMessage {
	messages := make([]messagesMessage, 0, len(body.Contents))
	for _, c := range body.Contents {
		m := messagesMessage{Role: "user"}
		if c.Role == "model" {
			m.Role = "assistant"
		}
		for _, p := range c.Parts {
			if p.Response == nil {
				m.Content = append(m.Content, messagesBlock{Type: "text", Text: p.Text})
				continue
			}
			m.Content = append(m.Content, messagesBlock{
				Type: "tool_result", ToolUseID: p.Response.ID, Content: messagesContent{{Type: "text", Text: string(p.Response.Response)}},
			})
		}
		messages = append(messages, m)
	}
	return messages
}

// refuseGemini answers with an error.
func refuseGemini(w http.ResponseWriter, f *Failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(geminiError(f)) // a client that is gone needs none
}

func geminiError(f *Failure) object {
	message := f.Message
	if message == "" {
		message = fmt.Sprintf("scripted failure %d", f.Status)
	}
	return object{"error": object{"code": f.Status, "message": message, "status": "INVALID_ARGUMENT"}}
}

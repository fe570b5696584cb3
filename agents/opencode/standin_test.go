package opencode

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// standIn plays the server, as much of it as the tests of its life need. It
// behaves badly where a prompt says so. It returns its exit code.
func standIn() int {
	password := os.Getenv(passwordVariable)
	switch {
	case os.Getenv("OPENCODE_API_KEY") == "leaky":
	case os.Getenv("OPENCODE_API_KEY") == "broken":
		fmt.Fprintln(os.Stderr, "a SchemaError")
		return 1
	case password != "":
		return hidePassword(password)
	default:
		b, err := io.ReadAll(os.NewFile(3, "password"))
		if err != nil {
			return 1
		}
		password = string(b)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	s := &standInServer{password: password, frames: make(chan string, 1024)}
	fmt.Println("Performing one time database migration...")
	fmt.Println(listening + "http://" + ln.Addr().String())
	_ = http.Serve(ln, s)
	return 1
}

// hidePassword begins again without the password in the environment; it is
// read from a pipe instead.
func hidePassword(password string) int {
	r, w, err := os.Pipe()
	if err != nil {
		return 1
	}
	_, _ = w.WriteString(password)
	_ = w.Close()
	if err := syscall.Dup2(int(r.Fd()), 3); err != nil {
		return 1
	}
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, passwordVariable+"=") {
			env = append(env, entry)
		}
	}
	self, err := os.Executable()
	if err == nil {
		_ = syscall.Exec(self, os.Args, env)
	}
	return 1
}

// standInServer answers requests.
type standInServer struct {
	password string
	frames   chan string
	sessions atomic.Int64
	deaf     atomic.Bool
}

func (s *standInServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, password, _ := r.BasicAuth(); password != s.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.deaf.Load() {
		select {} // it does not answer any more
	}
	switch {
	case r.URL.Path == "/global/event":
		s.events(w)
	case r.Method == http.MethodPost && r.URL.Path == "/session":
		id := "ses_" + strconv.FormatInt(s.sessions.Add(1), 10)
		answerJSON(w, map[string]string{"id": id, "directory": r.URL.Query().Get("directory")})
	case strings.HasSuffix(r.URL.Path, "/prompt_async"):
		s.prompted(w, r)
	case strings.HasPrefix(r.URL.Path, "/session/ses_"):
		answerJSON(w, map[string]string{"id": strings.Split(r.URL.Path, "/")[2], "directory": r.URL.Query().Get("directory")})
	default:
		answerJSON(w, map[string]string{})
	}
}

func answerJSON(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v)
}

// events is the stream.
func (s *standInServer) events(w http.ResponseWriter) {
	flush := http.NewResponseController(w).Flush
	_ = flush()
	for frame := range s.frames {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", frame)
		_ = flush()
	}
}

// prompted plays a turn, or what the prompt says instead.
func (s *standInServer) prompted(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id := strings.Split(r.URL.Path, "/")[2]
	switch text := string(body); {
	case strings.Contains(text, "die"):
		os.Exit(3)
	case strings.Contains(text, "hang"):
		s.deaf.Store(true)
		select {}
	case strings.Contains(text, "refuse"):
		w.WriteHeader(http.StatusNotFound)
		answerJSON(w, map[string]any{"name": "NotFoundError", "data": map[string]string{"message": "Session not found"}})
		return
	case strings.Contains(text, "garbage"):
		s.frames <- `{"payload":{"type":"message.part.delta","properties":{"sessionID":"` + id + `","delta":"` + strings.Repeat("x", 1_200_000)
		s.frames <- strings.Repeat("y", 9<<20)
		s.frames <- `{"payload":{"type":"message.updated","properties":{"sessionID":"` + id + `","info":[]}}}`
	case strings.Contains(text, "gone"):
		s.frames <- `{"payload":{"type":"session.deleted","properties":{"sessionID":"` + id + `","info":{"id":"` + id + `"}}}}`
	}
	w.WriteHeader(http.StatusNoContent)
	for _, e := range []string{
		`"message.updated","properties":{"info":{"id":"msg_u","sessionID":"%s","role":"user"}}`,
		`"session.status","properties":{"sessionID":"%s","status":{"type":"busy"}}`,
		`"message.updated","properties":{"info":{"id":"msg_a","sessionID":"%s","role":"assistant","parentID":"msg_u","time":{}}}`,
		`"message.part.updated","properties":{"part":{"id":"prt_a","sessionID":"%s","messageID":"msg_a","type":"text","text":"","time":{}}}`,
		`"message.part.updated","properties":{"part":{"id":"prt_a","sessionID":"%s","messageID":"msg_a","type":"text","text":"Well.","time":{"end":1}}}`,
		`"message.updated","properties":{"info":{"id":"msg_a","sessionID":"%s","role":"assistant","parentID":"msg_u","time":{"completed":1}}}`,
		`"session.idle","properties":{"sessionID":"%s"}`,
	} {
		s.frames <- `{"directory":"/d","payload":{"type":` + strings.ReplaceAll(e, "%s", id) + `}}`
	}
}

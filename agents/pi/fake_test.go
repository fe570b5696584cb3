package pi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// fakePi answers requests, and each prompt with a turn that says how it was
// started. The variable FAKE makes it fail. It returns its exit code.
func fakePi(args []string) int {
	if slices.Contains(args, "--no-session") {
		return fakeList()
	}
	switch os.Getenv("FAKE") {
	case "no session":
		fmt.Fprintln(os.Stderr, "No session found matching 'x'")
		return 1
	case "garbage":
		fmt.Println("this is no frame\n{\"type\":\"new\"}\n[1]")
	case "deaf":
		_, _ = bufio.NewReader(os.Stdin).ReadString('!')
		return 0
	}
	commands := `[{"name":"towline-gate","source":"extension"},{"name":"review","description":"Looks again","source":"prompt"}]`
	if os.Getenv("FAKE") == "no gate" {
		commands = `[]`
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var f struct {
			ID      string `json:"id"`
			Type    string `json:"type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(in.Bytes(), &f) != nil {
			return 9
		}
		data := `{}`
		switch f.Type {
		case "get_state":
			data = `{"model":{"id":"one","provider":"fake","contextWindow":1000},"thinkingLevel":"medium","sessionId":"N-1"}`
		case "get_available_models":
			data = `{"models":[{"id":"one","provider":"fake"},{"id":"two","provider":"fake","reasoning":true}]}`
		case "get_commands":
			data = `{"commands":` + commands + `}`
		}
		fmt.Printf(`{"type":"response","command":%q,"success":true,"id":%q,"data":%s}`+"\n", f.Type, f.ID, data)
		if f.Type != "prompt" {
			continue
		}
		if f.Message == "die" {
			fmt.Fprintln(os.Stderr, "out of memory")
			return 7
		}
		switch os.Getenv("FAKE") {
		case "dialog":
			fmt.Println(`{"type":"extension_ui_request","id":"d1","method":"confirm","title":"Sure?","timeout":100}`)
			continue
		case "old gate":
			fmt.Println(`{"type":"extension_ui_request","id":"d1","method":"confirm","title":"permission","timeout":100,"message":"{\"toolCallId\":\"c1\",\"tool\":\"bash\"}"}`)
			continue
		}
		environ := os.Environ()
		if os.Getenv("FAKE") == "whoami" {
			environ = append(environ, "GATE="+access(args, "-e"), "PROMPT="+access(args, "--append-system-prompt"))
		}
		said, err := json.Marshal(strings.Join(args, " ") + "\n" + strings.Join(environ, "\n"))
		if err != nil {
			return 9
		}
		fmt.Printf(`{"type":"agent_start"}`+"\n"+`{"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":%s}],"stopReason":"stop"}}`+"\n"+`{"type":"agent_end"}`+"\n", said)
	}
	return 0
}

// access tells what may be done with the file that a flag names.
func access(args []string, flag string) string {
	path := args[slices.Index(args, flag)+1]
	if _, err := os.ReadFile(path); err != nil {
		return err.Error()
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_ = f.Close()
		return "write"
	}
	return "read"
}

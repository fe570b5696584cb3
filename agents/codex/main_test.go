package codex

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

// TestMain runs the tests, or plays the CLI: tests start this binary in its
// place.
func TestMain(m *testing.M) {
	switch {
	case slices.Contains(os.Args, "--version"):
		fmt.Println("codex-cli 0.169.0")
	case len(os.Args) > 1 && os.Args[1] == "app-server":
		os.Exit(fakeServer(os.Getenv("OPENAI_FAKE")))
	case len(os.Args) > 1 && os.Args[1] == "mcp-server":
		mcpTool()
	default:
		leak.Main(m)
	}
}

// fakeRequest is a request to the fake server.
type fakeRequest struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		ThreadID string `json:"threadId"`
		Cwd      string `json:"cwd"`
		Input    []struct {
			Text string `json:"text"`
		} `json:"input"`
	} `json:"params"`
}

// fakeServer answers as an app-server does, with the fault that the mode
// names. It returns its exit code.
func fakeServer(mode string) int {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 4<<20)
	threads, probes := 0, 0
	for in.Scan() {
		var r fakeRequest
		if json.Unmarshal(in.Bytes(), &r) != nil || len(r.ID) == 0 {
			continue
		}
		switch r.Method {
		case "initialize":
			if mode == "refuse" {
				fmt.Printf(`{"id":%s,"error":{"code":-32600,"message":"too old"}}`+"\n", r.ID)
				continue
			}
			answer(r, `{}`)
		case "account/read":
			_, err := os.Stat(filepath.Join(os.Getenv("CODEX_HOME"), authFile))
			answer(r, fmt.Sprintf(`{"account":null,"requiresOpenaiAuth":%t}`, mode == "login" && err != nil))
		case "model/list":
			answer(r, `{"data":[{"model":"gpt","displayName":"GPT","isDefault":true,"supportedReasoningEfforts":[{"reasoningEffort":"low"}]},{"model":"secret","hidden":true}]}`)
		case "config/read":
			answer(r, `{"config":{"model":"mine"}}`)
		case "thread/start", "thread/resume":
			threads++
			fakeThread(mode, r, fmt.Sprintf("T%d", threads))
		case "turn/start":
			if mode == "crash" {
				fmt.Fprintln(os.Stderr, "thread 'main' panicked")
				return 3
			}
			fakeTurn(mode, r)
			if mode == "mute" {
				select {} // it neither reads nor writes any more
			}
		case "thread/loaded/list":
			if mode != "dead" {
				answer(r, `{}`)
			}
			if probes++; mode == "quiet" && probes == 2 {
				fmt.Println(`{"method":"turn/completed","params":{"threadId":"T1","turn":{"id":"U","status":"completed"}}}`)
			}
		case "turn/interrupt":
			answer(r, `{}`)
			fmt.Printf(`{"method":"turn/completed","params":{"threadId":%q,"turn":{"id":"U","status":"interrupted"}}}`+"\n", r.Params.ThreadID)
		case "":
		default:
			answer(r, `{}`)
		}
	}
	return 0
}

func answer(r fakeRequest, result string) { fmt.Printf(`{"id":%s,"result":%s}`+"\n", r.ID, result) }

// fakeThread opens a thread; with mode early what comes of it comes before its
// name is known.
func fakeThread(mode string, r fakeRequest, id string) {
	if mode == "stuck" {
		return
	}
	if mode == "early" {
		fmt.Printf(`{"method":"warning","params":{"threadId":%q,"message":"before the answer"}}`+"\n", id)
	}
	answer(r, fmt.Sprintf(`{"thread":{"id":%q},"model":"gpt","cwd":%q,"approvalPolicy":"untrusted","sandbox":{"type":"workspaceWrite"}}`, id, r.Params.Cwd))
}

// fakeTurn plays a turn that says the prompt again.
func fakeTurn(mode string, r fakeRequest) {
	switch mode {
	case "deaf", "dead":
		return
	case "garbage":
		fmt.Println(`{"method":"item/agentMessage/delta","params":{"delta":"` + strings.Repeat("x", 1_200_000))
		fmt.Println("\xff\xfe")
		fmt.Println("[1,2]")
	case "strays":
		fmt.Println(`{"id":77,"method":"attestation/generate","params":{}}`)
		fmt.Println(`{"id":"s","method":"new/request","params":{}}`)
		fmt.Println(`{"id":999,"result":{}}`)
		fmt.Println(`{"method":"new/notification","params":{}}`)
		fmt.Println(`{"method":"configWarning","params":{}}`)
		fmt.Println(`{"method":"warning","params":{"threadId":null,"message":"for everyone"}}`)
	}
	t, text := r.Params.ThreadID, r.Params.Input[0].Text
	answer(r, `{"turn":{"id":"U"}}`)
	fmt.Printf(`{"method":"turn/started","params":{"threadId":%q,"turn":{"id":"U"}}}`+"\n", t)
	if text == "environment" {
		text = strings.Join(os.Environ(), "\n") + strings.Join(os.Args, " ")
	}
	if text == "flood" {
		delta := fmt.Sprintf(`{"method":"item/agentMessage/delta","params":{"threadId":%q,"itemId":"m","delta":%q}}`, t, strings.Repeat("x", 1<<20))
		for range 80 {
			fmt.Println(delta)
		}
	}
	fmt.Printf(`{"method":"item/completed","params":{"threadId":%q,"item":{"type":"agentMessage","id":"m","text":%s}}}`+"\n", t, encode(text))
	switch {
	case mode == "long":
		fmt.Printf(`{"method":"turn/completed","params":{"threadId":%q,"turn":{"id":"U","status":"completed","items":["%s"]}}}`+"\n", t, strings.Repeat("x", 20<<20))
	case mode == "anything":
		fmt.Println(`{"x":{"y":"` + strings.Repeat("x", 20<<20) + `"}}`)
	case text != "hold":
		fmt.Printf(`{"method":"turn/completed","params":{"threadId":%q,"turn":{"id":"U","status":"completed"}}}`+"\n", t)
	}
}

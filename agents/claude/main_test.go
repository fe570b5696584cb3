package claude

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
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
		fmt.Println("2.1.330 (Claude Code)")
	case slices.Contains(os.Args, "--output-format"):
		os.Exit(fakeCLI())
	default:
		leak.Main(m)
	}
}

// fakeCLI answers initialize with its arguments and environment as a command,
// and each prompt with a turn. It returns its exit code.
func fakeCLI() int {
	args := strings.Join(os.Args[1:], " ")
	switch {
	case strings.Contains(args, "--session-id") && os.Getenv("ANTHROPIC_FAKE") == "in use":
		fmt.Fprintln(os.Stderr, "Error: Session ID is already in use.")
		return 1
	case strings.Contains(args, "--resume") && os.Getenv("ANTHROPIC_FAKE") == "not there":
		fmt.Println(`{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["No conversation found with session ID: x"]}`)
		return 1
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var f struct {
			Type      string `json:"type"`
			UUID      string `json:"uuid"`
			RequestID string `json:"request_id"`
			Request   struct {
				Subtype string `json:"subtype"`
				Append  string `json:"appendSystemPrompt"`
			} `json:"request"`
		}
		if json.Unmarshal(in.Bytes(), &f) != nil {
			return 1 // as the CLI does (section 3)
		}
		fake := os.Getenv("ANTHROPIC_FAKE")
		switch {
		case f.Type == "user" && fake == "long":
			fmt.Println(`{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Write","input":{"content":"` + big() + `"}}}`)
		case f.Type == "control_response": // the answer to it
			fmt.Fprintln(os.Stderr, "denied as it was")
			fmt.Println(`{"duration_api_ms":1,"usage":{},"permission_denials":[{"content":"` + big() + `"}],"type":"result"}`)
		case f.Request.Subtype == "initialize" && fake == "long opening":
			fmt.Println(answerTo(f.RequestID, `{"x":"`+big()+`"}`))
		case f.Type == "user":
			fmt.Printf(`{"type":"system","subtype":"init","session_id":"n","model":"opus","permissionMode":"default","user_message_uuids":[%q]}`+"\n", f.UUID)
			fmt.Printf(`{"type":"result","is_error":false,"terminal_reason":"completed","user_message_uuids":[%q]}`+"\n", f.UUID)
		case f.Request.Subtype == "initialize":
			fmt.Println(answerTo(f.RequestID, string(encode(map[string]any{
				"claude_code_version": "2.1.330",
				"models":              []nativeModel{{Value: "default", Name: "Test model"}},
				"commands":            []map[string]string{{"name": args, "description": strings.Join(os.Environ(), "\n"), "argumentHint": f.Request.Append}},
			}))))
		default:
			fmt.Println(answerTo(f.RequestID, `{}`))
		}
	}
	return 0
}

// big is a text that makes a line too long.
func big() string { return strings.Repeat("x", 20<<20) }

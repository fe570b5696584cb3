package amp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// fakeAmp does what its prompts say, in the frames of the real CLI. The
// variable FAKE makes it fail at its start. It returns its exit code.
func fakeAmp(args []string) int {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	switch os.Getenv("FAKE") {
	case "no key":
		fmt.Fprintln(os.Stderr, "\x1b[=0u\x1b[31mNo API key found. Run amp login.\x1b[0m")
		return 1
	case "garbage":
		fmt.Println("this is no frame\n{\"type\":\"new\"}\n[1]")
	case "deaf":
		<-interrupts
		return 0
	}
	thread := "T-1"
	if len(args) > 2 && args[0] == "threads" {
		thread = args[2]
	}
	say(`{"type":"system","subtype":"init","session_id":%q,"tools":[],"mcp_servers":[{"name":"lab","status":"failed"}]}`, thread)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var f userFrame
		if err := json.Unmarshal(in.Bytes(), &f); err != nil {
			return 9
		}
		text := f.Message.Content[0].(map[string]any)["text"].(string)
		if code, ended := fakeTurn(text, args, interrupts); ended {
			return code
		}
	}
	say(`{"type":"result","subtype":"success","is_error":false}`)
	return 0
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// fakeCall is a call that a delegate is asked for; its id is c1.
type fakeCall struct{ tool, input string }

// remove is the call of most prompts.
var remove = fakeCall{"Bash", `{"cmd":"rm x"}`}

// fakeTurn does one turn, and tells whether it ended the process.
func fakeTurn(text string, args []string, interrupts <-chan os.Signal) (code int, ended bool) {
	echo := func() {
		say(`{"type":"user","message":{"role":"user","content":[{"type":"text","text":%q}]},"parent_tool_use_id":null}`, text)
	}
	switch text {
	case "die":
		echo()
		fmt.Fprintln(os.Stderr, "Segmentation fault")
		return 7, true
	case "fail":
		say(`{"type":"result","subtype":"error_during_execution","is_error":true,"error":"Model Provider Overloaded"}`)
		return 0, true
	case "hang":
		echo()
		<-interrupts
		say(`{"type":"result","subtype":"error_during_execution","is_error":true,"error":"User cancelled (SIGINT/SIGTERM)"}`)
		return 1, true
	case "tool":
		echo()
		say(`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"c1","name":"Bash","input":{"cmd":"rm x"}}],"stop_reason":"tool_use"},"parent_tool_use_id":null}`)
		say(`{"type":"user","message":{"content":[%s]}}`, fakeTool(args, remove))
	case "subagent": // its calls are on nobody's stdout
		echo()
		say(`{"type":"user","message":{"content":[%s]}}`, fakeTool(args, remove))
	case "ask and hang":
		echo()
		say(`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"c1","name":"Bash","input":{"cmd":"rm x"}}],"stop_reason":"tool_use"},"parent_tool_use_id":null}`)
		cmd := delegateOf(args, remove)
		if cmd == nil || cmd.Start() != nil {
			return 8, true
		}
		<-interrupts
		_ = cmd.Process.Kill() // as the real CLI does
		_ = cmd.Wait()
		say(`{"type":"result","subtype":"error_during_execution","is_error":true,"error":"User cancelled (SIGINT/SIGTERM)"}`)
		return 1, true
	case "long answer":
		echo()
		say(longAnswer + strings.Repeat("x", 9<<20) + stopEnd(`"end_turn"`))
		return 0, false
	case "long anything":
		echo()
		say(`{"x":"` + strings.Repeat("x", 9<<20) + `"}`)
		<-interrupts
		return 0, true
	case "long last word":
		echo()
		say(longLastWord + strings.Repeat("x", 9<<20) + `"` + sessionEnd)
		return 0, true
	case "whoami":
		echo()
		args = []string{"home", os.Getenv("HOME"), "settings are", access(args[slices.Index(args, "--settings-file")+1])}
	default:
		echo()
		if path, ok := strings.CutPrefix(text, "write "); ok {
			call := fakeCall{"create_file", string(encode(map[string]string{"path": path, "content": "x"}))}
			say(`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"c1","name":%q,"input":%s}],"stop_reason":"tool_use"},"parent_tool_use_id":null}`, call.tool, call.input)
			say(`{"type":"user","message":{"content":[%s]}}`, fakeTool(args, call))
		}
	}
	say(`{"type":"assistant","message":{"content":[{"type":"text","text":%q}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}},"parent_tool_use_id":null}`, strings.Join(args, " "))
	return 0, false
}

// access tells what may be done with a file.
func access(path string) string {
	if _, err := os.ReadFile(path); err != nil {
		return err.Error()
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_ = f.Close()
		return "mine to write"
	}
	return "mine to read and not to write"
}

// delegateOf is the delegate that the settings name, ready to run; nil if they
// let anything past it.
func delegateOf(args []string, call fakeCall) *exec.Cmd {
	settings, err := os.ReadFile(args[slices.Index(args, "--settings-file")+1])
	var s struct {
		Rules []rule `json:"amp.permissions"`
	}
	if err != nil || json.Unmarshal(settings, &s) != nil || len(s.Rules) == 0 {
		return nil
	}
	last := s.Rules[len(s.Rules)-1]
	if last.Tool != "*" || last.Action != "delegate" {
		return nil
	}
	cmd := exec.Command(last.To)
	cmd.Env = append(os.Environ(), "AGENT=amp", "AMP_THREAD_ID=T-1", "AGENT_TOOL_NAME="+call.tool, "AGENT_TOOL_USE_ID=c1")
	cmd.Stdin = strings.NewReader(call.input)
	return cmd
}

// fakeTool runs the delegate, and tells the result.
func fakeTool(args []string, call fakeCall) string {
	cmd := delegateOf(args, call)
	if cmd == nil {
		return `{"type":"tool_result","tool_use_id":"c1","content":"no delegate","is_error":true}`
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	exit := &exec.ExitError{}
	switch {
	case err == nil:
		return `{"type":"tool_result","tool_use_id":"c1","content":"{\"output\":\"gone\",\"exitCode\":0}","is_error":false}`
	case errors.As(err, &exit) && exit.ExitCode() == exitDeny:
		return fmt.Sprintf(`{"type":"tool_result","tool_use_id":"c1","content":%q,"is_error":true}`, errs.String())
	}
	return fmt.Sprintf(`{"type":"tool_result","tool_use_id":"c1","content":"the delegate ended with %v","is_error":true}`, err)
}

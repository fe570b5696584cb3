package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents/agenttest/optional"
)

// TestAddAnAgent runs the commands of docs/ADD-AN-AGENT.md: they add the toy
// agent by its command, and speak with it.
func TestAddAnAgent(t *testing.T) {
	optional.Tool(t, "bash")
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(repository, "docs", "ADD-AN-AGENT.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := homeFolder(t)
	_, rest, _ := strings.Cut(string(page), "```sh\n")
	commands, _, _ := strings.Cut(rest, "```")
	commands = strings.Replace(commands, "go build -o toyagent", "go build -C '"+repository+"' -o '"+dir+"/toyagent'", 1)
	out := runReadme(t, dir, "export XDG_STATE_HOME='"+dir+"/state'\n"+commands)
	for _, want := range []string{"toy ", "ready", "> hello there", "You said: hello there", "completed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A value of --agent that names nothing is refused before anything starts.
func TestAgentFlagRefused(t *testing.T) {
	for _, value := range []string{"toy", "toy=", "=x", "toy=A=b"} {
		o := &serveOptions{Agent: []string{value}}
		if _, err := newRegistry(&terminal{}, o, t.TempDir(), newLog(&terminal{err: os.Stderr}, "disabled")); err == nil {
			t.Errorf("--agent %q is taken", value)
		}
	}
}

// Agents that are known stay what they are under their names, and a new name
// becomes an agent.
func TestAgentFlag(t *testing.T) {
	o := &serveOptions{Agent: []string{"gemini=/x/gemini --acp --yes", "claude=/x/my claude", "own=/x/own, with a comma"}, NoInstall: true}
	r, err := newRegistry(&terminal{}, o, t.TempDir(), newLog(&terminal{err: os.Stderr}, "disabled"))
	if err != nil {
		t.Fatal(err)
	}
	for name, title := range map[string]string{"gemini": "Gemini CLI", "claude": "Claude Code", "own": "own", "kimi": "Kimi Code CLI"} {
		a, err := r.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if info := a.Info(t.Context()); info.Title != title || info.Status == "ready" {
			t.Errorf("%s is %+v", name, info)
		}
	}
}

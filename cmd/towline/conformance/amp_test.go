package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/agents/amp"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// Settings in the work folder, which the agent itself can write, would pass
// over all approvals: Amp is not started there.
func TestAmpRefusesTheWorkFoldersPermissions(t *testing.T) {
	p := place(t, "amp")
	settings := filepath.Join(p.Dir, ".amp", "settings.json")
	ok(t, os.Mkdir(filepath.Dir(settings), 0o700))
	ok(t, os.WriteFile(settings, []byte(`{"amp.dangerouslyAllowAll":true,"amp.permissions":[{"tool":"*","action":"allow"}]}`), 0o600))
	script := p.Model.On("main", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "execute", Command: "echo yes >ran"}}), agenttest.Play(agenttest.Say("Done.")))
	s := conformance.Serve(t, p.Agent)
	r := conformance.Record(t, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
	_, err := r.Prompt(t.Context(), protocol.Prompt{Text: "Do as scripted. " + script.Marker()})
	ok(t, err)
	r.Await(agenttest.Want{Type: protocol.TypeTurnEnded, Has: map[string]string{"outcome": "failed", "error.message": "~.amp/settings.json"}})
	if _, err := os.Stat(filepath.Join(p.Dir, "ran")); err == nil {
		t.Error("the command ran")
	}
}

// deafAmp stands in for the CLI of April 2026: its first process reads one
// prompt and works on it until it is interrupted, and the next ones answer.
const deafAmp = `#!/bin/sh
if [ "$1" = --version ]; then echo 0.0.1777266064-g47b6f7; exit; fi
[ -e interrupted ] || trap 'kill $!
touch interrupted
echo "{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true,\"error\":\"User cancelled (SIGINT/SIGTERM)\"}"
exit 1' INT
echo '{"type":"system","subtype":"init","session_id":"T-1","tools":[],"mcp_servers":[]}'
IFS= read -r prompt
printf '%s\n' "$prompt"
if [ -e interrupted ]; then
	echo '{"type":"assistant","message":{"content":[{"type":"text","text":"Answered."}],"stop_reason":"end_turn"},"parent_tool_use_id":null}'
	cat >/dev/null
	exit
fi
sleep 1000 &
wait
`

// A prompt that interrupts has one turn, of its own, also behind a steer that
// Amp has not read; and that one is told as dropped, once.
func TestAmpPromptBehindAnUnreadSteer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "amp")
	ok(t, os.WriteFile(path, []byte(deafAmp), 0o700))
	p := &conformance.Place{Dir: dir, Agent: amp.New(amp.Options{
		Locator: &agents.Locator{Flags: map[string]string{"amp": path}},
		Environ: func() []string { return []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")} },
	})}
	s := conformance.Serve(t, p.Agent)
	r := conformance.Record(t, s.Client, s.Create(p, protocol.SessionCreate{}), protocol.FormatJSON)
	say := func(text string, d protocol.Delivery) string {
		t.Helper()
		result, err := r.Prompt(t.Context(), protocol.Prompt{Text: text, Delivery: d})
		ok(t, err)
		return result.PromptID
	}
	prompts := []string{say("Work for ever.", "")}
	r.Await(agenttest.Want{Type: protocol.TypeSessionUpdated, Has: map[string]string{"status": "running"}})
	steered := say("Mind the rocks.", protocol.DeliverSteer)
	prompts = append(prompts, say("Now.", protocol.DeliverInterrupt))
	for _, outcome := range []string{"interrupted", "completed"} {
		r.Await(agenttest.Want{Type: protocol.TypeTurnEnded, Has: map[string]string{"outcome": outcome}})
	}
	var begun []string
	dropped := 0
	for _, e := range r.Events {
		switch d := e.Data.(type) {
		case *protocol.TurnStarted:
			begun = append(begun, d.PromptIDs...)
		case *protocol.ErrorEvent:
			if strings.Contains(string(d.Details), strconv.Quote(steered)) {
				dropped++
			}
		}
	}
	if !slices.Equal(begun, prompts) || dropped != 1 {
		t.Errorf("the turns of %q began, want those of %q; the steer was told as dropped %d times", begun, prompts, dropped)
	}
}

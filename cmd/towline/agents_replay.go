package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/acp"
	"github.com/towline-dev/towline/session"
)

// maxCaptureLine bounds one recorded line, in bytes: an agent's frame may hold
// an image.
const maxCaptureLine = 64 << 20

func newAgentsReplay(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "replay AGENT FILE",
		Short: "Turn recorded native traffic into universal events",
		Long: "Feed recorded native traffic to an agent's translator and print the universal events as NDJSON.\n" +
			`Each line of FILE is {"dir":"in"|"out","t_ms":N,"frame":...}; in is what went to the agent.` + "\n" +
			"Also read are signal (a signal to the agent) and exit (its end); note is a remark.\n" +
			"FILE may be - for the standard input. No agent and no server are started.",
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			replayer, err := findReplayer(t, args[0])
			if err != nil {
				return err
			}
			in := t.in
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return fmt.Errorf("cannot read the recording: %w", err)
				}
				defer func() { _ = f.Close() }()
				in = f
			}
			return replay(replayer.Replay(), args[0], in, t.out)
		},
	}
}

// findReplayer returns the agent, if its traffic can be replayed. acp:NAME is
// the agent of that name when it speaks ACP: acp:claude is not claude.
func findReplayer(t *terminal, name string) (agents.Replayer, error) {
	if spoken, ok := strings.CutPrefix(name, "acp:"); ok {
		return acp.Replayer(spoken), nil
	}
	registry, err := newRegistry(t, &serveOptions{}, "", newLog(t, "error"))
	if err != nil {
		return nil, err
	}
	a, err := registry.Get(name)
	if err != nil {
		return nil, unknownAgent(registry, name)
	}
	r, ok := a.(agents.Replayer)
	if !ok {
		return nil, fmt.Errorf("%s has no native protocol that could be replayed", name)
	}
	return r, nil
}

// replay feeds a recording and prints the events.
func replay(r agents.Replay, agent string, in io.Reader, out io.Writer) error {
	events := session.NewReplay("replay", agent, "/replay")
	recorded := bufio.NewScanner(in)
	recorded.Buffer(nil, maxCaptureLine)
	for n := 1; recorded.Scan(); n++ {
		if len(recorded.Bytes()) == 0 {
			continue
		}
		var line struct {
			Dir string `json:"dir"`
		}
		whole := json.RawMessage(recorded.Text())
		err := json.Unmarshal(whole, &line)
		switch {
		case err == nil && (line.Dir == "in" || line.Dir == "signal"):
			for _, c := range r.In(whole) {
				events.Command(c)
			}
		case err == nil && (line.Dir == "out" || line.Dir == "exit"):
			for _, report := range r.Out(whole) {
				events.Report(report)
			}
		case err != nil || line.Dir != "note":
			return fmt.Errorf(`line %d of the recording is no {"dir":"in"|"out","t_ms":N,"frame":...}`, n)
		}
		for _, e := range events.Events() {
			if err := writeJSON(out, e); err != nil {
				return err
			}
		}
	}
	if err := recorded.Err(); err != nil {
		return fmt.Errorf("cannot read the recording: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/cmd/towline/conformance"
	"github.com/towline-dev/towline/protocol"
)

// verdictLine is a verdict as JSON lines tell it.
type verdictLine struct {
	Agent   string `json:"agent"`
	Version string `json:"version,omitempty"`
	conformance.Verdict
}

// prove drives each agent and prints its verdicts. It returns a sentence for
// each agent that does not prove what it claims.
func (d *doctor) prove(ctx context.Context, ready []protocol.AgentInfo) (unproven []string, err error) {
	stop, err := agents.BecomeReaper()
	if err != nil {
		return nil, err
	}
	defer stop()
	for i := range ready {
		info := &ready[i]
		a, ok := conformance.Find(info.Name)
		if !ok {
			d.say("%s is not checked: there is no scripted model for it", info.Name)
			continue
		}
		verdicts, err := conformance.Prove(ctx, a, found(info), info.Capabilities, func(s conformance.Step) {
			outcome := "ok"
			if s.Fault != "" {
				outcome = harmless(s.Fault)
			}
			d.say("%s %d/%d %s: %s", info.Name, s.Done, s.All, s.Scenario, outcome)
		})
		if ctx.Err() != nil {
			return nil, errors.New("the check was interrupted; what it had started is ended")
		}
		if err != nil {
			return nil, err
		}
		if err := d.printVerdicts(info, verdicts); err != nil {
			return nil, err
		}
		if missed := lacking(verdicts); len(missed) > 0 {
			unproven = append(unproven, fmt.Sprintf("%s does not prove %s", info.Name, strings.Join(missed, ", ")))
		}
	}
	return unproven, nil
}

// found is a locator of the very executable that was found, by whatever way.
// Of a command that --agent gives to an agent that is known, it is the program:
// it is driven with the arguments that are known to work.
func found(info *protocol.AgentInfo) *agents.Locator {
	return &agents.Locator{Flags: map[string]string{info.Name: info.Path}}
}

// say tells progress on the standard error; it is not the result.
func (d *doctor) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.terminal.err, format+"\n", args...)
}

// lacking are the capabilities that are claimed and not proven.
func lacking(verdicts []conformance.Verdict) []string {
	var names []string
	for _, v := range verdicts {
		if v.Result == conformance.NotProven {
			names = append(names, v.Capability)
		}
	}
	return names
}

// printVerdicts prints a table, or a line of JSON for each capability.
func (d *doctor) printVerdicts(info *protocol.AgentInfo, verdicts []conformance.Verdict) error {
	out := tabwriter.NewWriter(d.terminal.out, 0, 4, 2, ' ', 0)
	for _, v := range verdicts {
		if d.json {
			if err := writeJSON(d.terminal.out, verdictLine{Agent: info.Name, Version: info.Version, Verdict: v}); err != nil {
				return err
			}
			continue
		}
		result := map[conformance.Result]string{
			conformance.Proven:     "proven\t" + strings.Join(v.Scenarios, ", "),
			conformance.NotProven:  "NOT proven\t" + harmless(v.Fault),
			conformance.NotClaimed: "not claimed\t",
		}[v.Result]
		if _, err := fmt.Fprintf(out, "%s\t%s\t%s\n", info.Name, v.Capability, result); err != nil {
			return err
		}
	}
	return out.Flush()
}

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// Agents of the variable stay when a flag names others; a flag wins for one of
// the same name.
func TestAgentsOfVariableAndFlag(t *testing.T) {
	o, err := serveOptionsFromEnv(&terminal{env: []string{"TOWLINE_AGENT=a=terminal:one,b=/two"}})
	if err != nil {
		t.Fatal(err)
	}
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	o.addFlags(f)
	if err := f.Parse([]string{"--agent", "b=terminal:three, four", "--agent=c=/five"}); err != nil {
		t.Fatal(err)
	}
	got, err := o.executables()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "terminal:one", "b": "terminal:three, four", "c": "/five"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAgentNamesAreWords(t *testing.T) {
	for name, ok := range map[string]bool{
		"claude": true, "claude-tui": true, "my_agent.2": true,
		"x y": false, " x": false, "x\ty": false, "-x": false, "x/y": false, "": false,
	} {
		o := &serveOptions{Agent: []string{name + "=terminal:bash"}}
		if _, err := o.executables(); (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "write it like")) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

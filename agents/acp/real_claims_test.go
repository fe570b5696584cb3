package acp

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/agents/agenttest"
	"github.com/towline-dev/towline/protocol"
)

// A permission for the session covers the same command when it comes again,
// and nothing is left in the project for sessions to come.
func TestRealSessionGrant(t *testing.T) {
	eachClaiming(t, func(c protocol.Capabilities) bool { return c.Always }, func(t *testing.T, r *realAgent) {
		s := r.on("twice", agenttest.Play(r.execute("cp seed same")), agenttest.Play(r.execute("cp seed same")), agenttest.Play(agenttest.Say("twice")))
		if err := os.WriteFile(filepath.Join(r.home.Dir, "seed"), []byte("yes"), 0o600); err != nil {
			t.Fatal(err)
		}
		conn := r.open(t, agents.Start{})
		defer finish(t, conn)
		got := runTurn(t, conn, "m1", s.Marker(), func(d protocol.Data) agents.Command {
			p, ok := d.(*protocol.PermissionRequested)
			if !ok {
				return nil
			}
			for _, o := range p.Permission.Options {
				if o.Decision == protocol.Allow && o.Scope == protocol.ScopeSession {
					return &agents.Decide{PermissionID: p.Permission.PermissionID, Option: o}
				}
			}
			t.Errorf("no option holds for the session: %+v", p.Permission.Options)
			return nil
		})
		if n := strings.Count(got, `"permission.requested"`); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if n := strings.Count(got, `"kind":"tool_call","status":"completed"`); n != 2 {
			t.Errorf("%d calls were done:\n%s", n, got)
		}
		files, err := os.ReadDir(r.home.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name := f.Name(); name != ".git" && name != "seed" && name != "same" {
				t.Errorf("the project got %s", name)
			}
		}
	})
}

// An image reaches the model as it is.
func TestRealImage(t *testing.T) {
	eachClaiming(t, func(c protocol.Capabilities) bool { return c.Images }, func(t *testing.T, r *realAgent) {
		picture, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
		if err != nil {
			t.Fatal(err)
		}
		s := r.on("see", agenttest.Play(agenttest.Say("a dot")))
		conn := r.open(t, agents.Start{})
		defer finish(t, conn)
		prompt := say("m1", "What is this? "+s.Marker())
		prompt.Content = append(prompt.Content, agents.Content{Part: protocol.Part{Type: protocol.PartImage, Mime: "image/png"}, Bytes: picture})
		if err := conn.Send(t.Context(), prompt); err != nil {
			t.Fatal(err)
		}
		want(t, ndjson(t, until(t, conn, protocol.TypeTurnEnded, nil)), "a dot", `"outcome":"completed"`)
		requests := s.Requests()
		if len(requests) == 0 || !strings.Contains(string(requests[len(requests)-1].Body), base64.StdEncoding.EncodeToString(picture)) {
			t.Errorf("the model saw no picture in %d requests", len(requests))
		}
	})
}

// Codex's to-do list comes as a plan, a command with what it printed and its
// exit code, and an edit is asked for with its diff.
func TestRealCodexToolsAndPlan(t *testing.T) {
	r := realCodex(t)
	s := r.on("work", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "todo", Options: []string{"look", "write"}}}),
		agenttest.Play(r.execute("echo from-the-tool && exit 3")),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: filepath.Join(r.home.Dir, "new.txt"), Content: "fresh\n"}}),
		agenttest.Play(agenttest.Say("all done")))
	conn := r.open(t, agents.Start{})
	defer finish(t, conn)
	got := runTurn(t, conn, "m1", s.Marker(), choose(protocol.Allow))
	want(t, got, `"plan.updated","data":{"entries":[{"text":"look","status":"in_progress"`,
		`"exit_code":3,"output":"from-the-tool\n"`, `"kind":"edit"`, `"action":"create"`, "+fresh", "all done")
}

// The model can be changed, and the one that is chosen is asked.
func TestRealModel(t *testing.T) {
	eachReal(t, func(t *testing.T, r *realAgent) {
		if r.model == "" {
			return // it has one alone
		}
		before, after := r.on("before", agenttest.Play(agenttest.Say("one"))), r.on("after", agenttest.Play(agenttest.Say("two")))
		conn := r.open(t, agents.Start{})
		defer finish(t, conn)
		runTurn(t, conn, "m1", before.Marker(), nil)
		if err := conn.Send(t.Context(), &agents.Configure{Model: &r.model}); err != nil {
			t.Fatal(err)
		}
		want(t, runTurn(t, conn, "m2", after.Marker(), nil), `"session.updated","data":{"model":"`+r.model+`"`)
		first, last := before.Requests()[0], after.Requests()
		if got := last[len(last)-1]; strings.Contains(first.Model+first.Path, r.asked) || !strings.Contains(got.Model+got.Path, r.asked) {
			t.Errorf("the model server was asked for %s %s, then %s %s", first.Path, first.Model, got.Path, got.Model)
		}
	})
}

// OpenCode's plan is a tool of its own, and the diff of an edit is what was
// replaced, without its place in the file: so no exact diffs are claimed.
func TestRealOpenCodeEditAndPlan(t *testing.T) {
	r := realOpenCode(t)
	file := filepath.Join(r.home.Dir, "note.txt")
	if err := os.WriteFile(file, []byte("\talpha\n\tbeta\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := r.on("work", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "todo", Options: []string{"look", "write"}}}),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "read", Path: file}}),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "edit", Path: file, Old: "\tbeta", New: "\tgamma"}}),
		agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "write", Path: filepath.Join(r.home.Dir, "new.txt"), Content: "fresh\n"}}),
		agenttest.Play(agenttest.Say("all done")))
	conn := r.open(t, agents.Start{})
	defer finish(t, conn)
	got := runTurn(t, conn, "m1", s.Marker(), choose(protocol.Allow))
	want(t, got, `"plan.updated","data":{"entries":[{"text":"look","status":"in_progress"`, `"kind":"edit"`,
		`-\tbeta`, `+\tgamma`, `"action":"create","unified":"--- /dev/null\n+++ `+filepath.Join(r.home.Dir, "new.txt")+`\n@@ -0,0 +1 @@\n+fresh\n"`, "all done")
	if b, err := os.ReadFile(file); err != nil || string(b) != "\talpha\n\tgamma\n" {
		t.Errorf("the file holds %q (%v)", b, err)
	}
	if r.Capabilities().Diffs {
		t.Error("exact diffs are claimed")
	}
}

// The work folder cannot allow OpenCode what is to be asked for.
func TestRealOpenCodeFolderAllowsNothing(t *testing.T) {
	for name, config := range map[string]string{
		"everywhere": `{"permission":{"bash":"allow"}}`,
		"an agent":   `{"agent":{"build":{"permission":{"*":"allow","bash":"allow"}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := realOpenCode(t)
			if err := os.WriteFile(filepath.Join(r.home.Dir, "opencode.json"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			s := r.on("run", agenttest.Play(r.execute("mkdir built")), agenttest.Play(agenttest.Say("done")))
			conn := r.open(t, agents.Start{})
			defer finish(t, conn)
			want(t, runTurn(t, conn, "m1", s.Marker(), choose(protocol.Deny)), `"permission.requested"`, `"status":"declined"`)
		})
	}
}

// OpenCode never asks for what a subagent does and hangs on it, so the model
// gets no tool for subagents.
func TestRealOpenCodeHasNoSubagents(t *testing.T) {
	r := realOpenCode(t)
	s := r.on("task", agenttest.Play(agenttest.Block{Do: &agenttest.Do{Kind: "subagent", Text: "do it"}}), agenttest.Play(agenttest.Say("alone then")))
	conn := r.open(t, agents.Start{})
	defer finish(t, conn)
	want(t, runTurn(t, conn, "m1", s.Marker(), nil), "unavailable tool 'task'", "alone then", `"outcome":"completed"`)
}

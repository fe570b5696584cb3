package main

import (
	"go/build"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/towline-dev/towline/"

// allowed is the house: each room may import those named here, and rooms below
// itself. docs/ARCHITECTURE.md draws it.
var allowed = map[string][]string{
	"protocol":  {},
	"agents":    {"protocol"},
	"session":   {"agents", "protocol"},
	"ws":        {"session", "agents", "protocol"},
	"clientlib": {"protocol"},
	"cmd":       {"ws", "session", "agents", "protocol", "clientlib"},
}

// Arrows between rooms point down only. Tests may use the fixtures and, for
// whole-server tests, any room.
func TestArrows(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); name == "testdata" || (strings.HasPrefix(name, ".") && path != root) || name == "node_modules" {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(path, 0)
		if err != nil {
			return nil // a folder without Go files
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		room := strings.Split(filepath.ToSlash(rel), "/")[0]
		below, ok := allowed[room]
		if !ok {
			t.Errorf("%s is in no known room", rel)
			return nil
		}
		seen++
		for _, imp := range pkg.Imports {
			if to, ours := strings.CutPrefix(imp, module); ours {
				if r := strings.Split(to, "/")[0]; r != room && !slices.Contains(below, r) {
					t.Errorf("%s imports %s: arrows point down only", rel, to)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 6 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

// The doctor uses what tests use; the program links nothing that is for tests
// alone.
func TestProgramWithoutTests(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if slices.Contains([]string{"testing", "net/http/httptest", "github.com/google/go-cmp/cmp"}, dep) || strings.HasPrefix(dep, module+"agents/agenttest/") {
			t.Errorf("the program links %s", dep)
		}
	}
}

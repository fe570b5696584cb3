package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/towline-dev/towline/protocol"
)

// constants returns the values of all constants of the package that have the
// type and a name with the prefix.
func constants(t *testing.T, typeName, prefix string) []string {
	t.Helper()
	var values []string
	fset := token.NewFileSet()
	for _, file := range []string{"error.go", "event.go", "frame.go"} {
		f, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
				return true
			}
			v, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
			return true
		})
	}
	slices.Sort(values)
	return values
}

func texts[T ~string](in []T) []string {
	var out []string
	for _, v := range in {
		out = append(out, string(v))
	}
	slices.Sort(out)
	return out
}

// TestEveryConstantIsHandled: a code, event type or frame type that is
// declared is also in the table that makes it work.
func TestEveryConstantIsHandled(t *testing.T) {
	for name, c := range map[string]struct{ declared, handled []string }{
		"codes":       {constants(t, "Code", "Code"), texts(Codes())},
		"event types": {constants(t, "EventType", "Type"), texts(EventTypes())},
		"frame types": {constants(t, "FrameType", "Frame"), texts(FrameTypes())},
	} {
		if len(c.declared) == 0 {
			t.Errorf("%s: none found", name)
		}
		if diff := cmp.Diff(c.declared, c.handled); diff != "" {
			t.Errorf("%s (-declared +handled):\n%s", name, diff)
		}
	}
}

func TestHTTPStatusOfCodes(t *testing.T) {
	for _, c := range Codes() {
		if s := c.HTTPStatus(); s < 400 || s > 599 {
			t.Errorf("%s has status %d", c, s)
		}
	}
	if s := Code("moon").HTTPStatus(); s != 500 {
		t.Errorf("an unknown code has status %d", s)
	}
}

func TestAsError(t *testing.T) {
	if AsError(nil) != nil || CodeOf(nil) != "" {
		t.Error("nil is an error")
	}
	e := Errorf(CodeBusy, "wait %d s", 3)
	if got := AsError(fmt.Errorf("cannot prompt: %w", e)); got != e {
		t.Errorf("got %v", got)
	}
	if got := AsError(&GuardError{Err: e}); got != e {
		t.Errorf("of the guard: %v", got)
	}
	secret := AsError(errors.New("/var/lib/secret: no such file"))
	if secret.Code != CodeInternal || strings.Contains(secret.Message, "secret") {
		t.Errorf("internal detail leaks: %v", secret)
	}
	if CodeOf(errors.New("x")) != CodeInternal {
		t.Error("another error is not internal")
	}
}

func TestErrorWithDetails(t *testing.T) {
	e := Errorf(CodeAlreadyDecided, "too late")
	d := e.WithDetails(Winner{Outcome: "decided", By: Actor{Kind: "policy"}})
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"code":"already_decided","message":"too late","details":{"outcome":"decided","by":{"kind":"policy"}}}`
	if string(b) != want || e.Details != nil || d.Error() != "already_decided: too late" {
		t.Errorf("got %s, first has %s", b, e.Details)
	}
	defer func() {
		if recover() == nil {
			t.Error("details that are no JSON were taken")
		}
	}()
	e = e.WithDetails(func() {})
}

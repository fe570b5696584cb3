package optional

import (
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// ended is a test that notes how it was ended.
type ended struct {
	testing.TB
	how string
}

func (e *ended) Skip(why ...any)  { e.how = "skipped: " + why[0].(string) }
func (e *ended) Fatal(why ...any) { e.how = "failed: " + why[0].(string) }

func TestMissing(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped: no x", "true": "failed: no x"} {
		t.Setenv("CI", ci)
		e := &ended{TB: t}
		if Missing(e, "no x"); e.how != want {
			t.Errorf("with CI=%s: %s", ci, e.how)
		}
	}
}

func TestTool(t *testing.T) {
	t.Setenv("CI", "true")
	e := &ended{TB: t}
	if path := Tool(e, "go"); path == "" || e.how != "" {
		t.Errorf("go is at %q, but: %s", path, e.how)
	}
	if Tool(e, "no-such-tool"); e.how != "failed: no-such-tool is not on PATH, which this test needs" {
		t.Errorf("no tool, but: %s", e.how)
	}
}

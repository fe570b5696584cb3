package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towline-dev/towline/testdata/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// judged is a test that notes what was wrong.
type judged struct {
	testing.TB
	fault string
}

func (j *judged) Errorf(format string, _ ...any) { j.fault = format }

func TestCompare(t *testing.T) {
	was := *update
	t.Cleanup(func() { *update = was })
	path := filepath.Join(t.TempDir(), "golden", "a.txt")
	*update = true
	if Compare(t, path, []byte("a\n")); !Updating() {
		t.Error("it does not say that it writes")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "a\n" {
		t.Errorf("wrote %q, %v", b, err)
	}
	*update = false
	j := &judged{TB: t}
	if Compare(j, path, []byte("a\n")); j.fault != "" {
		t.Errorf("the same differs: %s", j.fault)
	}
	if Compare(j, path, []byte("b\n")); !strings.Contains(j.fault, "differs") {
		t.Error("another text passes")
	}
}

package conformance

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towline-dev/towline/agents/agenttest"
)

// A fault that is fatal ends the check, and not its clean-up, which goes on
// after faults of its own, the last one first.
func TestTrialFaults(t *testing.T) {
	t.Parallel()
	var steps []string
	step := func(s string) { steps = append(steps, s) }
	faults := try(t.Context(), time.Minute, func(t agenttest.T) {
		t.Cleanup(func() { step("first left") })
		t.Cleanup(func() {
			t.Cleanup(func() { step("left while cleaning up") })
			t.Fatalf("cannot clean %s up", "it")
		})
		t.Errorf("fault %d", 1)
		var others sync.WaitGroup
		others.Go(func() { t.Errorf("of another goroutine") })
		others.Wait()
		if !t.Failed() {
			step("no fault is known")
		}
		t.Fatalf("fault %d", 2)
		step("went on")
	})
	if want := []string{"fault 1", "of another goroutine", "fault 2", "cannot clean it up"}; !slices.Equal(faults, want) {
		t.Errorf("faults %q, want %q", faults, want)
	}
	if want := []string{"left while cleaning up", "first left"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
}

// A panic is a fault, and what was left is cleaned up.
func TestTrialPanic(t *testing.T) {
	t.Parallel()
	cleaned := false
	faults := try(t.Context(), time.Minute, func(t agenttest.T) {
		t.Cleanup(func() { cleaned = true })
		panic("at sea")
	})
	if len(faults) != 1 || !strings.Contains(faults[0], "at sea") || !cleaned {
		t.Errorf("faults %q, cleaned up: %v", faults, cleaned)
	}
}

// A check without faults has none; its folders are private, different, and gone
// afterwards.
func TestTrialFolders(t *testing.T) {
	t.Parallel()
	var dirs []string
	faults := try(t.Context(), time.Minute, func(t agenttest.T) {
		dirs = append(dirs, t.TempDir(), t.TempDir())
		for _, dir := range dirs {
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder is %v, %v", info, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o400); err != nil {
				t.Errorf("cannot write: %v", err)
			}
		}
		if t.Failed() {
			t.Fatalf("there are faults")
		}
	})
	if len(faults) > 0 || dirs[0] == dirs[1] {
		t.Errorf("faults %q, folders %q", faults, dirs)
	}
	if _, err := os.Stat(filepath.Dir(dirs[0])); !os.IsNotExist(err) {
		t.Errorf("the folder of the folders is still there: %v", err)
	}
}

// The context ends with the limit, and before the clean-up.
func TestTrialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late, left error
		_ = try(t.Context(), time.Minute, func(t agenttest.T) {
			<-t.Context().Done()
			late = t.Context().Err()
		})
		_ = try(t.Context(), time.Minute, func(t agenttest.T) {
			t.Cleanup(func() { left = t.Context().Err() })
		})
		if late != context.DeadlineExceeded || left != context.Canceled {
			t.Errorf("the context ended with %v, and before the clean-up with %v", late, left)
		}
	})
}

package main

import (
	"errors"
	"os"
	"testing"
)

// What a killed server handed to its agents is cleared away when the next one
// starts.
func TestLeftoverHandoutsAreRemoved(t *testing.T) {
	left, err := os.MkdirTemp("", "towline-handout-amp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(left) })
	if err := os.WriteFile(left+"/settings.json", []byte("{}"), 0o400); err != nil {
		t.Fatal(err)
	}
	startServe(t, homeFolder(t), "127.0.0.1:0")
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there (%v)", err)
	}
}

//go:build unix && !linux

package agents

import "errors"

// identity tells one process from a later one with the same number. Only Linux
// can tell.
type identity struct{}

// BecomeReaper does nothing here: only Linux has subreapers. Orphans that left
// their process group are not found.
func BecomeReaper() (stop func(), err error) { return func() {}, nil }

// SweepLeftovers does nothing here: it needs Linux's /proc.
func SweepLeftovers(string) (killed int, err error) { return 0, nil }

func sweep(string, []identity) {}

func descendants(int) []identity { return nil }

func startOf(int) (start uint64, boot string, err error) {
	return 0, "", errors.New("cannot tell when a process started: only Linux says")
}

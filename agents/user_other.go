//go:build unix && !linux

package agents

// hasAccessList says no: access lists are looked up on Linux alone.
func hasAccessList(string) bool { return false }

package agenttest

import "context"

// T is what the parts of this package want of the test that uses them. A
// *testing.T is one; package conformance brings another, for checks outside of
// tests.
type T interface {
	// Helper marks the caller as one whose line tells nothing.
	Helper()
	// Context ends when the test does, before the clean-up.
	Context() context.Context
	// TempDir makes a folder that the clean-up removes.
	TempDir() string
	// Cleanup has f called after the test, the last one first.
	Cleanup(f func())
	// Errorf notes a fault, and the test goes on.
	Errorf(format string, args ...any)
	// Fatalf notes a fault and ends the goroutine that calls it, which must
	// be the test's.
	Fatalf(format string, args ...any)
	// Failed tells whether a fault was noted.
	Failed() bool
	// Logf keeps a text for who looks into a fault.
	Logf(format string, args ...any)
}

// ok ends the test at an error.
func ok(t T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

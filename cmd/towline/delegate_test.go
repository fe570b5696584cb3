package main

import (
	"bytes"
	"strings"
	"testing"
)

// The delegate is for Amp and not for people, and denies without a server: any
// exit code but 0 and 2 would make Amp ask by itself.
func TestDelegateIsHiddenAndDenies(t *testing.T) {
	var out, errs bytes.Buffer
	term := &terminal{in: strings.NewReader(`{}`), out: &out, err: &errs, env: []string{"HOME=/nonexistent"}}
	if code := execute(t.Context(), term, []string{"--help"}); code != 0 || strings.Contains(out.String(), "delegate") {
		t.Errorf("help ended with %d and says %s", code, &out)
	}
	for _, args := range [][]string{{"delegate"}, {"delegate", "extra"}, {"delegate", "--flag"}} {
		if code := execute(t.Context(), term, args); code != 2 {
			t.Errorf("%v ended with %d: %s", args, code, &errs)
		}
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/towline-dev/towline/protocol"
)

func TestInstallStepsAreToldOnce(t *testing.T) {
	var out strings.Builder
	steps := &installSteps{out: &out}
	for _, p := range []protocol.InstallProgress{
		{Phase: "resolve"},
		{Phase: "download"},
		{Phase: "download", Done: 1, Total: 100},
		{Phase: "download", Done: 9, Total: 100},
		{Phase: "download", Done: 55, Total: 100},
		{Phase: "unpack", Done: 10},
		{Phase: "unpack", Done: 20},
		{Phase: "done", Message: "/agents/claude"},
	} {
		steps.print(p)
	}
	if want := "resolve\ndownload\ndownload 0%\ndownload 50%\nunpack\ndone /agents/claude\n"; out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

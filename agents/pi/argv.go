package pi

import (
	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// checkStart refuses options that Pi does not have.
func checkStart(s agents.Start) error {
	for name, value := range map[string]string{"model": s.Model, "resume": s.Resume} {
		if err := agents.CheckValue(name, value); err != nil {
			return err
		}
	}
	if len(s.MCP) > 0 {
		return protocol.Errorf(protocol.CodeInvalidRequest, "Pi takes no MCP servers; leave mcp out")
	}
	if s.Fork && s.Resume == "" {
		return protocol.Errorf(protocol.CodeInvalidRequest, "a fork needs the native session to begin from")
	}
	return checkWords(s.Mode, s.Effort, s.PermissionMode)
}

// args is the command line. Every value was checked, so none can be taken for
// a flag (section 1). The system prompt goes by a file: what is given by word
// is in every list of processes. Pi finds no extensions itself: it gets the
// gate, then the user's own.
func args(s agents.Start, d *sideFiles, own []string) []string {
	args := []string{"--mode", "rpc", "--offline", "--no-extensions", "-e", d.gate}
	for _, path := range own {
		args = append(args, "-e", path)
	}
	switch {
	case s.Fork:
		args = append(args, "--fork", s.Resume)
	case s.Resume != "":
		args = append(args, "--session", s.Resume)
	}
	if s.Model != "" {
		args = append(args, "--model", s.Model)
	}
	if s.Effort != "" {
		args = append(args, "--thinking", s.Effort)
	}
	if d.prompt != "" {
		args = append(args, "--append-system-prompt", d.prompt)
	}
	return args
}

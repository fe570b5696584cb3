package pi

import (
	_ "embed"
	"fmt"

	"github.com/towline-dev/towline/agents"
)

//go:embed gate.ts
var gate []byte

//go:embed list.ts
var list []byte

// sideFiles are the files that a process gets beside its command line.
type sideFiles struct {
	*agents.Handout
	// gate is the permission extension, list the one that lists the user's
	// own, prompt the addition to the system prompt; empty for none.
	gate, list, prompt string
}

// writeFiles makes the folder, for processes of that user.
func writeFiles(systemPrompt string, u *agents.User) (*sideFiles, error) {
	h, err := agents.NewHandout(u, name)
	if err != nil {
		return nil, err
	}
	d := &sideFiles{Handout: h, gate: h.Path("gate.ts"), list: h.Path("list.ts")}
	if err = h.Write("gate.ts", gate); err == nil {
		err = h.Write("list.ts", list)
	}
	if err == nil && systemPrompt != "" {
		d.prompt = h.Path("prompt.md")
		err = h.Write("prompt.md", []byte(systemPrompt))
	}
	if err != nil {
		d.Remove()
		return nil, fmt.Errorf("cannot write Pi's gate: %w", err)
	}
	return d, nil
}

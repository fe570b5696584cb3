package pi

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed gate.ts
var gate []byte

// sideFiles are the files that a process gets beside its command line, in a
// folder of its own that only the server's user can enter.
type sideFiles struct {
	dir string
	// gate is the permission extension, prompt the addition to the system
	// prompt; empty for none.
	gate, prompt string
}

// writeFiles makes the folder.
func writeFiles(systemPrompt string) (_ *sideFiles, err error) {
	dir, err := os.MkdirTemp("", "towline-pi-") // made 0700
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for Pi's gate: %w", err)
	}
	d := &sideFiles{dir: dir, gate: filepath.Join(dir, "gate.ts")}
	err = os.WriteFile(d.gate, gate, 0o400)
	if err == nil && systemPrompt != "" {
		d.prompt = filepath.Join(dir, "prompt.md")
		err = os.WriteFile(d.prompt, []byte(systemPrompt), 0o400)
	}
	if err != nil {
		d.remove()
		return nil, fmt.Errorf("cannot write Pi's gate: %w", err)
	}
	return d, nil
}

func (d *sideFiles) remove() { _ = os.RemoveAll(d.dir) }

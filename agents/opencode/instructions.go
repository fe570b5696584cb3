package opencode

import (
	"io"
	"os"
	"strings"
	"syscall"
)

// maxInstructions bounds what is read of a folder's instructions, in bytes.
const maxInstructions = 64 << 10

// instructions are what a folder's AGENTS.md says. The server would read it
// with the rest of the folder's configuration, which is kept away from it (see
// environment); so it goes with each prompt instead. A link that leads out of
// the folder is not followed.
func instructions(directory string) string {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return ""
	}
	defer func() { _ = root.Close() }()
	// A pipe of that name must not hold the session up.
	f, err := root.OpenFile("AGENTS.md", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(f, maxInstructions))
	if err != nil || len(b) == 0 {
		return ""
	}
	return "Instructions from AGENTS.md of the folder:\n" + strings.ToValidUTF8(string(b), "")
}

package terminal

import (
	"io"

	"github.com/hinshun/vt10x"
)

// emulator is what a screen needs of a terminal emulator. It may panic.
type emulator interface {
	Write(p []byte) (int, error)
	Resize(cols, rows int)
	Size() (cols, rows int)
	// Char is the character of a cell; 0 in one that was never written.
	Char(x, y int) rune
	Cursor() cursor
}

// cursor is where an emulator writes next.
type cursor struct {
	x, y    int
	visible bool
	// wraps: it stands behind the last column, so that the next character
	// begins a line.
	wraps bool
}

// vt is the emulator of the library vt10x.
type vt struct{ vt10x.Terminal }

// wrapsNext is the library's mark of a cursor behind the last column.
const wrapsNext = 2

// newVT returns an empty emulator, whose answers to the program go to w.
func newVT(rows, cols int, w io.Writer) emulator {
	return vt{vt10x.New(vt10x.WithSize(cols, rows), vt10x.WithWriter(w))}
}

// Char returns a cell's character.
func (v vt) Char(x, y int) rune { return v.Cell(x, y).Char }

// Cursor returns where the cursor is.
func (v vt) Cursor() cursor {
	at := v.Terminal.Cursor()
	return cursor{x: at.X, y: at.Y, visible: v.CursorVisible(), wraps: at.State&wrapsNext != 0}
}

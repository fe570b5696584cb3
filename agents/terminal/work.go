package terminal

import "bytes"

// A few bytes can make an emulator do much: clear every cell of a large screen.
// So output is taken in pieces of so much work, and whoever wants to look or
// type gets a turn in between.

const (
	// pieceWork is the work of one piece, in cells that are written: some 3 ms.
	pieceWork = 1_200_000
	// plainSize is how many bytes of text are taken before the work is looked
	// at.
	plainSize = 1 << 10
	// anySequence is what a sequence costs beside cells.
	anySequence = 1000
)

// extent is a screen's size.
type extent struct{ rows, cols int }

// plainWork is what n bytes of text cost at most: each may scroll.
func (e extent) plainWork(n int) int { return n * (e.rows + e.cols) }

// sequenceWork is what a sequence costs at most.
func (e extent) sequenceWork(sequence []byte) int {
	work, all := anySequence+e.rows+e.cols, e.rows*e.cols
	last := sequence[len(sequence)-1]
	switch {
	case len(sequence) == 2 && last == 'c':
		return work + 2*all
	case len(sequence) < 3 || sequence[1] != '[':
		return work
	case last == 'J', last == 'L', last == 'M', last == 'S', last == 'T':
		return work + all
	case last == 'h', last == 'l': // each mode may be another screen
		return work + all*(1+bytes.Count(sequence, []byte{';'}))
	default:
		return work
	}
}

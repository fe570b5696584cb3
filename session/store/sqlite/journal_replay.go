package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/towline-dev/towline/session/store"
)

// replay adds the rows of the journal's generation to the database, and counts
// the generation up in the same transaction, so that no row is added twice.
//
// A row that does not fit its session is left out. No crash makes such: it is
// of another database, or its session was damaged, which its readers will hear.
func (s *Store) replay(ctx context.Context) error {
	value, err := meta(ctx, s.conn, "journal")
	if err != nil {
		return err
	}
	j := &s.journal
	if j.generation, err = strconv.ParseUint(value, 10, 64); err != nil {
		return fmt.Errorf("%w: the generation %q", store.ErrCorrupt, value)
	}
	b, err := io.ReadAll(io.LimitReader(j.file, journalBytes))
	if err != nil {
		return err
	}
	t := transaction{write: &s.write}
	j.used = true // whatever is in the file, it shall not be read again
	return s.whole(ctx, func(ctx context.Context) error {
		for _, c := range readRecords(b, j.generation) {
			if err := t.chunk(ctx, &c); err != nil && !errors.Is(err, errRefused) {
				return err
			}
		}
		return nil
	})
}

// generationText is a generation as meta keeps it.
func generationText(n uint64) string { return strconv.FormatUint(n, 10) }

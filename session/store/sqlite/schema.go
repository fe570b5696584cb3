package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
)

// The schema grows by numbered files: number n brings a database from
// user_version n-1 to n. Files that were released are never changed.
//
//go:embed schema/*.sql
var schemaFiles embed.FS

// schemaSteps are the files in order; the last one's number is the version.
var schemaSteps = []string{"schema/0001_first.sql", "schema/0002_journal.sql"}

// applicationID marks a SQLite file as ours ("TOWL").
const applicationID = 0x544f574c

// checkHeader reads the numbers that SQLite keeps in a file's first page, so
// that a foreign or newer file is refused before anything opens it for writing.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	defer f.Close()
	var page [100]byte
	n, err := io.ReadFull(f, page[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return nil // a new store
	}
	if err != nil || string(page[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%s is not a SQLite database", path)
	}
	return checkVersion(path, bigEndian32(page[60:]), bigEndian32(page[68:]))
}

func bigEndian32(b []byte) int {
	return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

// checkVersion judges user_version and application_id. Both are 0 in a file
// whose first transaction was never finished.
func checkVersion(path string, version, application int) error {
	switch {
	case application != applicationID && (application != 0 || version != 0):
		return fmt.Errorf("%s is a database of another program", path)
	case version > len(schemaSteps):
		return fmt.Errorf("%s was written by a newer version of this program (schema %d, this one knows %d): use that version",
			path, version, len(schemaSteps))
	}
	return nil
}

// migrate brings the schema up to date, one transaction per step.
func migrate(ctx context.Context, c *sql.Conn, path string) error {
	var version, application int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("cannot read the store's version: %w", err)
	}
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return fmt.Errorf("cannot read the store's version: %w", err)
	}
	if err := checkVersion(path, version, application); err != nil {
		return err
	}
	for ; version < len(schemaSteps); version++ {
		if err := migrateStep(ctx, c, version); err != nil {
			return fmt.Errorf("cannot bring the store to schema %d: %w", version+1, err)
		}
	}
	return nil
}

// migrateStep runs the file that follows a version.
func migrateStep(ctx context.Context, c *sql.Conn, version int) error {
	text, err := schemaFiles.ReadFile(schemaSteps[version])
	if err != nil {
		return err
	}
	script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;\nCOMMIT;",
		text, applicationID, version+1)
	if _, err := c.ExecContext(ctx, script); err != nil {
		_, _ = c.ExecContext(ctx, "ROLLBACK")
		return err
	}
	return nil
}

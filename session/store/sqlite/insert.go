package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/towline-dev/towline/session/store"
)

// chunkInsert adds a chunk's row by a statement of the driver's own: the way
// through database/sql is a tenth of what the commit of a lone event costs.
// The writer's connection is this store's alone and s.mu is held, so nothing
// else uses it meanwhile.
type chunkInsert struct {
	stmt driver.Stmt
	exec driver.StmtExecContext
	args [6]driver.NamedValue
}

// prepare prepares the statement on the writer's connection.
func (i *chunkInsert) prepare(ctx context.Context, c *sql.Conn) error {
	return c.Raw(func(conn any) error {
		preparer, ok := conn.(driver.ConnPrepareContext)
		if !ok {
			return errors.New("cannot prepare the store: the driver is another one")
		}
		stmt, err := preparer.PrepareContext(ctx,
			"INSERT INTO chunks (session_id, first_seq, last_seq, checksum, events, raw) VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			return fmt.Errorf("cannot prepare the store: %w", err)
		}
		i.stmt = stmt
		if i.exec, ok = stmt.(driver.StmtExecContext); !ok {
			return errors.New("cannot prepare the store: the driver is another one")
		}
		return nil
	})
}

// run adds the row.
func (i *chunkInsert) run(ctx context.Context, c *store.Chunk) error {
	for n, v := range [len(i.args)]driver.Value{
		c.SessionID, int64(c.First), int64(c.Last), chunkChecksum(c), string(c.Events), text(c.Raw),
	} {
		i.args[n] = driver.NamedValue{Ordinal: n + 1, Value: v}
	}
	_, err := i.exec.ExecContext(ctx, i.args[:])
	clear(i.args[:]) // the events shall not stay in memory
	return err
}

func (i *chunkInsert) close() {
	if i.stmt != nil {
		_ = i.stmt.Close()
	}
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
)

// A power cut may take the last commits that were not synced, and with them
// events that a client has seen. Only sessions that were open can have such
// events, since Commit syncs what it writes to a session at rest. So meta
// keeps whether the last run was closed, and the boot that it ran under: if it
// was not closed and the machine has booted since, open sessions get a new
// epoch, and every cursor into the old one is answered by a gap. So they do if
// it was not closed and somebody has taken its journal away.

// bootID names the machine's current boot. Where the system does not tell, it
// is empty, which never equals a boot before.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// startRun renews epochs if need be and marks the store as in use.
func startRun(ctx context.Context, c *sql.Conn, boot string, journalGone bool) error {
	lastBoot, err := meta(ctx, c, "boot_id")
	if err != nil {
		return err
	}
	clean, err := meta(ctx, c, "clean")
	if err != nil {
		return err
	}
	script := "BEGIN IMMEDIATE;\n"
	if clean == "0" && (boot == "" || boot != lastBoot || journalGone) {
		script += "UPDATE sessions SET epoch = lower(hex(randomblob(8))) WHERE open = 1;\n"
	}
	if clean == "0" {
		script += "UPDATE sessions SET head = max(head, " + fmt.Sprintf(lastChunk, "sessions.id") + ") WHERE open = 1;\n"
	}
	script += "INSERT INTO meta VALUES ('boot_id', ?1) ON CONFLICT DO UPDATE SET value = ?1;\n" +
		"INSERT INTO meta VALUES ('clean', '0') ON CONFLICT DO UPDATE SET value = '0';\nCOMMIT;"
	if _, err := c.ExecContext(ctx, script, boot); err != nil {
		_, _ = c.ExecContext(ctx, "ROLLBACK")
		return fmt.Errorf("cannot mark the store as in use: %w", err)
	}
	return nil
}

// endRun marks the store as closed.
func endRun(ctx context.Context, c *sql.Conn) error {
	if _, err := c.ExecContext(ctx, "UPDATE meta SET value = '1' WHERE key = 'clean'"); err != nil {
		return fmt.Errorf("cannot mark the store as closed: %w", err)
	}
	return nil
}

// meta returns a value, or an empty string if there is none.
func meta(ctx context.Context, c *sql.Conn, key string) (string, error) {
	var value string
	err := c.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("cannot read the store's state: %w", err)
	}
	return value, nil
}

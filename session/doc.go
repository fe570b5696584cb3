// Package session is a session's life: prompt queue, turns, asks, the log of
// events with its cursors, and the manager of all sessions.
//
// Ownership: each loaded session has one goroutine that owns all of its state;
// commands, agent reports and commit results reach it through its inbox. Only
// the log's tail is shared, behind its own lock.
//
// Order: the owner gives each event its seq and encodes it once; the committer
// writes everything that is pending of all sessions in one transaction; only
// then does the session's head move and do readers wake. So a reader never
// sees an event that is not stored, and a command's result follows the fsync
// that made it durable.
//
// Blocking: the owner never waits for an agent, a reader or the disk. An agent
// that writes faster than the disk is held back by not reading from it; a
// reader is a cursor into the log and delays nobody.
package session

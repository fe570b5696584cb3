-- One row per session, not touched by the events of an open one. n is the
-- order of creation and is never used twice.
CREATE TABLE sessions (
  n          INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  created_at INTEGER NOT NULL, -- Unix milliseconds
  updated_at INTEGER NOT NULL,
  agent      TEXT    NOT NULL,
  status     TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  epoch      TEXT    NOT NULL,
  open       INTEGER NOT NULL,
  head       INTEGER NOT NULL, -- last committed seq; if open = 1, the last chunk may end after it
  trimmed    INTEGER NOT NULL, -- events up to this seq were trimmed
  compacted  INTEGER NOT NULL  -- chunks up to this seq are joined
) STRICT;
CREATE INDEX sessions_open ON sessions (n) WHERE open = 1;

-- The sessions' own memory, apart from sessions so that the list stays short.
CREATE TABLE records (
  session_id TEXT    NOT NULL PRIMARY KEY,
  seq        INTEGER NOT NULL,
  record     BLOB    NOT NULL,
  checksum   INTEGER NOT NULL
) STRICT;

-- Runs of events as JSON array texts. The checksum is CRC-32C over the
-- session's id, both seqs, both texts and their lengths. With a rowid: large
-- rows in the key's tree made replay a third slower and small commits no faster.
CREATE TABLE chunks (
  session_id TEXT    NOT NULL,
  first_seq  INTEGER NOT NULL,
  last_seq   INTEGER NOT NULL,
  checksum   INTEGER NOT NULL,
  events     TEXT    NOT NULL,
  raw        TEXT,
  PRIMARY KEY (session_id, first_seq)
) STRICT;

CREATE TABLE commands (
  session_id TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  hash       BLOB    NOT NULL,
  result     BLOB    NOT NULL,
  checksum   INTEGER NOT NULL,
  PRIMARY KEY (session_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
  session_id TEXT    NOT NULL,
  ask_id     TEXT    NOT NULL,
  record     BLOB    NOT NULL,
  checksum   INTEGER NOT NULL,
  PRIMARY KEY (session_id, ask_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
  session_id TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  mime       TEXT    NOT NULL,
  sha256     TEXT    NOT NULL,
  checksum   INTEGER NOT NULL,
  bytes      BLOB    NOT NULL,
  PRIMARY KEY (session_id, id)
) STRICT;

-- boot_id and clean: see power.go.
CREATE TABLE meta (
  key   TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per event, for people. Name the session: the rest is a scan.
CREATE VIEW events AS
SELECT c.session_id               AS session_id,
       c.first_seq + e.key        AS seq,
       e.value ->> '$.time'       AS time,
       e.value ->> '$.type'       AS type,
       e.value ->> '$.turn_id'    AS turn_id,
       e.value ->> '$.source'     AS source,
       e.value -> '$.data'        AS data
FROM chunks AS c, json_each(c.events) AS e;

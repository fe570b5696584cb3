-- The generation of the journal, which holds the newest rows of chunks while the
-- store is open: see journal.go. A program that knows nothing of the
-- journal must refuse this database.
INSERT INTO meta VALUES ('journal', '1');

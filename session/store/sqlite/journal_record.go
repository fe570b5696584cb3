package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/towline-dev/towline/session/store"
)

// A record is, in little endian: CRC-32C of all that follows, the record's
// size, generation, first and last seq, the sizes of the session's id and of
// the events; then the id, the events, and the rest is the native frames.
// Another form of records needs a new version of the schema, so that older
// programs refuse the store and do not take its journal for an empty one.
const recordHeader = 4 + 4 + 8 + 8 + 8 + 4 + 4

// record is a chunk in the journal.
type record struct {
	generation uint64
	chunk      store.Chunk
	size       int
}

// recordSize returns the size of a chunk's record in bytes.
func recordSize(c *store.Chunk) int {
	return recordHeader + len(c.SessionID) + len(c.Events) + len(c.Raw)
}

// appendRecord appends a chunk's record.
func appendRecord(b []byte, generation uint64, c *store.Chunk) []byte {
	begin := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(recordSize(c)))
	b = binary.LittleEndian.AppendUint64(b, generation)
	b = binary.LittleEndian.AppendUint64(b, c.First)
	b = binary.LittleEndian.AppendUint64(b, c.Last)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.SessionID)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Events)))
	b = append(b, c.SessionID...)
	b = append(b, c.Events...)
	b = append(b, c.Raw...)
	binary.LittleEndian.PutUint32(b[begin:], crc32.Checksum(b[begin+4:], castagnoli))
	return b
}

// readRecords reads the records of a generation, up to the first that is not
// whole or of another one: the writing of that one was never finished, or it is
// left from before.
func readRecords(b []byte, generation uint64) (chunks []store.Chunk) {
	for {
		r, ok := readRecord(b)
		if !ok || r.generation != generation {
			return chunks
		}
		chunks, b = append(chunks, r.chunk), b[r.size:]
	}
}

// readRecord reads the record at the beginning of b, whose memory it shares.
// It returns false if there is none that is whole.
func readRecord(b []byte) (record, bool) {
	if len(b) < recordHeader {
		return record{}, false
	}
	size := uint64(binary.LittleEndian.Uint32(b[4:]))
	id, events := uint64(binary.LittleEndian.Uint32(b[32:])), uint64(binary.LittleEndian.Uint32(b[36:]))
	if size > uint64(len(b)) || recordHeader+id+events > size ||
		crc32.Checksum(b[4:size], castagnoli) != binary.LittleEndian.Uint32(b) {
		return record{}, false
	}
	text, raw := b[recordHeader+id:][:events], b[recordHeader+id+events:size]
	r := record{generation: binary.LittleEndian.Uint64(b[8:]), size: int(size), chunk: store.Chunk{
		SessionID: string(b[recordHeader:][:id]),
		First:     binary.LittleEndian.Uint64(b[16:]),
		Last:      binary.LittleEndian.Uint64(b[24:]),
		Events:    text[:events:events],
	}}
	if len(raw) > 0 {
		r.chunk.Raw = raw
	}
	return r, true
}

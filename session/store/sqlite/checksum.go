package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/towline-dev/towline/session/store"
)

// castagnoli is CRC-32C, which processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the parts and their lengths, so that no byte can move from
// one part to the next unseen. A nil part differs from an empty one.
func checksum(parts ...[]byte) int64 {
	var sum uint32
	var length [8]byte
	for _, p := range parts {
		n := uint64(len(p))
		if p == nil {
			n = 1 << 63
		}
		binary.LittleEndian.PutUint64(length[:], n)
		sum = crc32.Update(sum, castagnoli, length[:])
		sum = crc32.Update(sum, castagnoli, p)
	}
	return int64(sum)
}

// number encodes a seq as a part of a checksum.
func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// chunkChecksum covers everything of a chunk's row.
func chunkChecksum(c *store.Chunk) int64 {
	return checksum([]byte(c.SessionID), number(c.First), number(c.Last), c.Events, c.Raw)
}

// The other rows' checksums treat a nil value as empty, since that is how it
// is read again.

// recordChecksum covers a session but for its head, its epoch and whether it
// is open, which change without its record. Reading checks the head against
// the chunks; a changed epoch costs readers a gap and no more.
func recordChecksum(v *store.Session) int64 {
	return checksum([]byte(v.ID), number(uint64(v.CreatedAt.UnixMilli())), number(uint64(v.UpdatedAt.UnixMilli())),
		[]byte(v.Agent), []byte(v.Status), []byte(v.Title), number(v.RecordSeq), notNil(v.Record))
}

func commandChecksum(c *store.Command) int64 {
	return checksum([]byte(c.SessionID), []byte(c.ID), c.Hash[:], notNil(c.Result))
}

func blobChecksum(b *store.Blob) int64 {
	return checksum([]byte(b.SessionID), []byte(b.ID), []byte(b.Mime), []byte(b.SHA256), notNil(b.Bytes))
}

func decisionChecksum(d *store.Decision) int64 {
	return checksum([]byte(d.SessionID), []byte(d.AskID), notNil(d.Record))
}

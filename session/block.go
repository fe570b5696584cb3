package session

// Block is a run of encoded, committed events. It is immutable and shared by
// all readers: nothing is encoded per subscriber.
type Block struct{}

// First and Last are the seqs of its first and last event; filtered blocks may
// lack some in between.
func (b *Block) First() uint64 { panic("not built yet") }

// Last returns the seq of the last event.
func (b *Block) Last() uint64 { panic("not built yet") }

// Len returns the number of events.
func (b *Block) Len() int { panic("not built yet") }

// JSON returns the events as JSON objects joined by commas, without brackets.
// It must not be written to.
func (b *Block) JSON() []byte { panic("not built yet") }

// Msgpack returns the events as msgpack maps one after the other, transcoded
// on first use and kept. It must not be written to.
func (b *Block) Msgpack() []byte { panic("not built yet") }

// Each calls f with the seq and the JSON object of each event, for SSE and
// NDJSON, until f returns false.
func (b *Block) Each(f func(seq uint64, event []byte) bool) { panic("not built yet") }

// Package agents is how Towline drives coding agents: the Agent interface, the
// registry that finds an agent's executable, process control for agents that
// speak over stdio. Below it is one package per agent, and agents/install, which
// brings their programs.
//
// An agent is cut into two parts. Its Translator is a pure state machine:
// native frame in, universal events out; command in, native frames out. It has
// no I/O, no clock, no randomness and no goroutine, so recorded traffic is its
// test. The other part moves bytes and is the same for all stdio agents
// (Stdio).
//
// Ids: agents know nothing of a session's counters (i1, t1, p1). Whatever they
// report carries their own native ids in the id fields (item.id, parent_id,
// item_id, permission_id, question_id); the session gives each a universal id
// and keeps the native one beside it. Commands reach an agent with native ids.
//
// Invariants: an agent need not be tidy. The session closes items and asks
// that an agent leaves open, drops what arrives twice, and ends the turn when
// the connection ends. An agent must only never invent: it reports what its
// native protocol said.
//
// Concurrency: a Conn's Send, Recv and Close may be called from different
// goroutines at the same time, each of them by one goroutine at a time.
package agents

// Package conformance proves what agents claim. It drives whole sessions
// through the real server: the agent, the store, the sessions and the edge run
// in this process, and the checks are clients at the other end of a WebSocket.
// The model behind the agent is scripted (package agenttest), and the agent
// has a home of its own.
//
// The way of a scenario: the adapter of an agent (adapter.go, and a file for
// each agent) places it beside its model, server.go starts a server around it,
// driver.go takes the scenario's steps as a client, recorder.go keeps what the
// client receives, and invariants.go checks what must hold of every session,
// whatever it is about. suite.go puts these together, and matrix.go writes
// docs/AGENTS.md from what they prove.
//
// Two drive the scenarios: the tests of this package, all of them and with the
// pinned version of each agent, and prove.go, for towline agents doctor, those
// of the capabilities that are claimed and with the version that is here.
// trial.go is to the latter what package testing is to the former.
package conformance

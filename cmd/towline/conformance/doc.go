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
// whatever it is about. suite.go puts these together, matrix.go writes down
// what they prove.
//
// The tests of this package prove the pinned version of each agent in all
// scenarios.
package conformance

// Package e2e drives whole sessions through the real server: the agent, the
// store, the sessions and the edge run in this process, and the tests are
// clients at the other end of a WebSocket. The model behind the agent is
// scripted (package agenttest).
//
// The way of a scenario: adapter.go says how an agent comes to be tested,
// server.go starts a server around it, driver.go takes the scenario's steps as
// a client, recorder.go keeps what the client receives, and invariants.go
// checks what must hold of every session, whatever it is about. suite.go runs
// all scenarios of an agent, matrix.go writes down what they prove.
package e2e

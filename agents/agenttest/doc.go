// Package agenttest is what the tests of agents stand on: the real command
// line programs, installed once into a cache folder; scripted model servers on
// loopback, which stand in for the vendors' APIs; and the scenarios that every
// agent is tested with.
//
// The model servers script by content: a prompt names its script, and the
// number of tool results since then tells which of the script's rounds is
// due. How often a program asks, and in which order, plays no part.
package agenttest

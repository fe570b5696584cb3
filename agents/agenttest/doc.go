// Package agenttest is what checks of agents stand on: scripted model servers
// on loopback, which stand in for the vendors' APIs; homes in which an agent
// sees nothing else; and the scenarios that every agent is driven through. It
// is part of the product, for towline agents doctor; the packages below it are
// for tests alone.
//
// The model servers script by content: a prompt names its script, and the
// number of tool results since then tells which of the script's rounds is
// due. How often a program asks, and in which order, plays no part.
package agenttest

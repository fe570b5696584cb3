// Package install brings agents' programs into the agents folder: the pinned
// version of each, checked against a hash that stands here, without running a
// script of any package. Where an installed program lies is known to
// agents.Locator, which finds it there.
//
// To read it: program.go is what the others see; pinned.go, node.go and acp.go
// say what is installed; run.go is one installation from its first step to its
// last.
package install

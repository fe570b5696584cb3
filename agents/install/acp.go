package install

import (
	_ "embed"
	"maps"
	"slices"
)

// acpPackage is an agent that speaks the Agent Client Protocol, as it is
// installed on demand. The versions are the newest that run on Node 20, and
// those whose recorded traffic the translator is tested with (acp PROTOCOL.md).
type acpPackage struct {
	name, version, bin string
	lock               []byte
	// size is about what is downloaded, in bytes.
	size int64
}

var (
	//go:embed lock/gemini.json
	geminiLock []byte
	//go:embed lock/qwen.json
	qwenLock []byte
	//go:embed lock/claude-agent-acp.json
	claudeAgentLock []byte
)

var acpPackages = map[string]acpPackage{
	"gemini":           {"@google/gemini-cli", "0.61.0", "gemini", geminiLock, 25 << 20},
	"qwen":             {"@qwen-code/qwen-code", "0.15.10", "qwen", qwenLock, 15 << 20},
	"claude-agent-acp": {"@agentclientprotocol/claude-agent-acp", "0.49.0", "claude-agent-acp", claudeAgentLock, 90 << 20},
}

// ACP installs the pinned version of an agent that speaks ACP into
// dir, an agents folder; nil for an agent that is not published that way.
func ACP(agent, dir string) *Program {
	p, ok := acpPackages[agent]
	if !ok {
		return nil
	}
	return &Program{Agent: agent, Version: p.version, Dir: dir, Node: &NodeTree{
		Name: p.name, File: "node_modules/.bin/" + p.bin, Lock: p.lock, Size: p.size,
	}}
}

// ACPNames are the agents for which there is an ACP, sorted.
func ACPNames() []string { return slices.Sorted(maps.Keys(acpPackages)) }

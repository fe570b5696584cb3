package conformance

import "slices"

// Adapters are those of all agents that can be driven, in the order of
// docs/AGENTS.md.
func Adapters() []Adapter {
	return []Adapter{
		claudeCode(), openAICodex(), openCode(), ampCLI(), piAgent(), mockAgent(), onTerminal(), gemini(), qwen(), claudeACP(),
		openCodeACP(), codexACP(), copilot(),
	}
}

// Find returns the adapter of an agent, and whether there is one.
func Find(agent string) (Adapter, bool) {
	all := Adapters()
	at := slices.IndexFunc(all, func(a Adapter) bool { return a.Name == agent })
	if at < 0 {
		return Adapter{}, false
	}
	return all[at], true
}

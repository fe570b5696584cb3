package claude

import "github.com/towline-dev/towline/protocol"

// apiUsage counts tokens as the API writes them.
type apiUsage struct {
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	Details    struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

// modelUsage counts the tokens and the cost of one model.
type modelUsage struct {
	Input         int64   `json:"inputTokens"`
	Output        int64   `json:"outputTokens"`
	CacheRead     int64   `json:"cacheReadInputTokens"`
	CacheWrite    int64   `json:"cacheCreationInputTokens"`
	Thinking      int64   `json:"thinkingTokens"`
	CostUSD       float64 `json:"costUSD"`
	ContextWindow int64   `json:"contextWindow"`
}

// totals is what the session used so far: what the CLI counts, which begins at
// zero with each process, on top of what was spent before.
type totals struct {
	usage   protocol.Usage
	cost    float64
	native  float64
	context protocol.Context
}

// totalsFrom returns the totals of a session that used this much before.
func totalsFrom(spent *protocol.UsageUpdated) totals {
	var t totals
	if spent == nil {
		return t
	}
	t.usage = spent.Usage
	if spent.CostUSD != nil {
		t.cost = *spent.CostUSD
	}
	return t
}

// messageStart notes how much of the context the newest main request filled.
func (t *totals) messageStart(parent string, u *apiUsage) {
	if parent == "" && u != nil {
		t.context.Used = u.Input + u.CacheRead + u.CacheWrite
	}
}

// messageDelta adds what the model wrote: it is context from then on.
func (t *totals) messageDelta(parent string, u *apiUsage) {
	if parent == "" && u != nil {
		t.context.Used += u.Output
	}
}

// add takes a turn's usage and cost from its result. usage is per turn, but
// all zero after an interrupt; total_cost_usd and modelUsage are sums of the
// process, and after a fork even of the one before (section 6). So the counts
// since the last result come first, where the version has them.
func (t *totals) add(r resultFrame) (*protocol.Usage, *float64) {
	usage := protocol.Usage{
		InputTokens: r.Usage.Input, OutputTokens: r.Usage.Output, CachedReadTokens: r.Usage.CacheRead,
		CachedWriteTokens: r.Usage.CacheWrite, ReasoningTokens: r.Usage.Details.Thinking,
	}
	cost := max(r.TotalCost-t.native, 0)
	if r.SinceLast != nil {
		usage, cost = protocol.Usage{}, 0
		for _, m := range r.SinceLast {
			usage.InputTokens += m.Input
			usage.OutputTokens += m.Output
			usage.CachedReadTokens += m.CacheRead
			usage.CachedWriteTokens += m.CacheWrite
			usage.ReasoningTokens += m.Thinking
			cost += m.CostUSD
		}
	}
	t.native = r.TotalCost
	t.cost += cost
	t.usage.InputTokens += usage.InputTokens
	t.usage.OutputTokens += usage.OutputTokens
	t.usage.CachedReadTokens += usage.CachedReadTokens
	t.usage.CachedWriteTokens += usage.CachedWriteTokens
	t.usage.ReasoningTokens += usage.ReasoningTokens
	for _, m := range r.ModelUsage {
		t.context.Size = max(t.context.Size, m.ContextWindow)
	}
	return &usage, &cost
}

// report is the state of the totals.
func (t *totals) report() *protocol.UsageUpdated {
	cost, context := t.cost, t.context
	u := &protocol.UsageUpdated{Usage: t.usage, CostUSD: &cost}
	if context.Used > 0 {
		u.Context = &context
	}
	return u
}

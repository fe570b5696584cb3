package pi

import "github.com/towline-dev/towline/protocol"

// nativeUsage is what one model call used.
type nativeUsage struct {
	Input      int64 `json:"input"`
	Output     int64 `json:"output"`
	CacheRead  int64 `json:"cacheRead"`
	CacheWrite int64 `json:"cacheWrite"`
	Total      int64 `json:"totalTokens"`
	Cost       struct {
		Total float64 `json:"total"`
	} `json:"cost"`
}

// totals adds up usage: of the open turn, and of the process.
type totals struct {
	inTurn, all protocol.Usage
	turnCost    float64
	cost        float64
	context     int64
}

// add counts a message.
func (t *totals) add(u nativeUsage) {
	for _, sum := range []*protocol.Usage{&t.inTurn, &t.all} {
		sum.InputTokens += u.Input
		sum.OutputTokens += u.Output
		sum.CachedReadTokens += u.CacheRead
		sum.CachedWriteTokens += u.CacheWrite
	}
	t.turnCost += u.Cost.Total
	t.cost += u.Cost.Total
	if u.Total > 0 {
		t.context = u.Total
	}
}

// turn returns the open turn's usage and begins to count the next.
func (t *totals) turn() (*protocol.Usage, *float64) {
	usage, cost := t.inTurn, t.turnCost
	t.inTurn, t.turnCost = protocol.Usage{}, 0
	return &usage, &cost
}

// report is the process's usage so far. window is the model's, in tokens.
func (t *totals) report(window int64) *protocol.UsageUpdated {
	cost := t.cost
	u := &protocol.UsageUpdated{Usage: t.all, CostUSD: &cost}
	if t.context > 0 {
		u.Context = &protocol.Context{Used: t.context, Size: window}
	}
	return u
}

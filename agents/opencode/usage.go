package opencode

import "github.com/towline-dev/towline/protocol"

// nativeTokens counts tokens. Output does not include reasoning, input not
// what came from the cache (section 6).
type nativeTokens struct {
	Input     int64 `json:"input"`
	Output    int64 `json:"output"`
	Reasoning int64 `json:"reasoning"`
	Cache     struct {
		Read  int64 `json:"read"`
		Write int64 `json:"write"`
	} `json:"cache"`
}

// totals is what the session used since it was opened.
type totals struct {
	usage   protocol.Usage
	cost    float64
	context protocol.Context
}

// stepFinished counts a step of the model, a subagent's too. Its part is told
// once.
func (t *translator) stepFinished(n nativePart, o *output) {
	if t.parts[n.ID] != nil {
		return
	}
	t.parts[n.ID] = &part{session: n.SessionID, closed: true}
	addTokens(&t.turn.usage, n.Tokens)
	t.turn.cost += n.Cost
	addTokens(&t.total.usage, n.Tokens)
	t.total.cost += n.Cost
	if n.SessionID == t.session {
		k := n.Tokens
		t.total.context.Used = k.Input + k.Output + k.Reasoning + k.Cache.Read + k.Cache.Write
		t.total.context.Size = t.facts.contextSize(t.told.model)
	}
	cost, context := t.total.cost, t.total.context
	u := &protocol.UsageUpdated{Usage: t.total.usage, CostUSD: &cost}
	if context.Used > 0 {
		u.Context = &context
	}
	o.emit(u)
}

// addTokens adds a step to a sum.
func addTokens(u *protocol.Usage, n nativeTokens) {
	u.InputTokens += n.Input
	u.OutputTokens += n.Output + n.Reasoning
	u.ReasoningTokens += n.Reasoning
	u.CachedReadTokens += n.Cache.Read
	u.CachedWriteTokens += n.Cache.Write
}

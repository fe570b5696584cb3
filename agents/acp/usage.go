package acp

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// usage is what the session used so far, on top of what was spent before this
// process: agents count anew with each.
type usage struct {
	tokens protocol.Usage
	// spent is the cost before this process, cost that of this process; known
	// tells that a cost was told at all.
	spent, cost float64
	known       bool
	context     protocol.Context
	// told is the last report, so that the same is not told again.
	told string
}

func usageFrom(spent *protocol.UsageUpdated) usage {
	var u usage
	if spent == nil {
		return u
	}
	u.tokens = spent.Usage
	if spent.CostUSD != nil {
		u.spent, u.known = *spent.CostUSD, true
	}
	return u
}

// nativeUsage counts tokens in the spellings that agents use.
type nativeUsage struct {
	Input       int64 `json:"inputTokens"`
	Output      int64 `json:"outputTokens"`
	CachedRead  int64 `json:"cachedReadTokens"`
	CachedWrite int64 `json:"cachedWriteTokens"`
	Thought     int64 `json:"thoughtTokens"`
	InputSnake  int64 `json:"input_tokens"`
	OutputSnake int64 `json:"output_tokens"`
}

// readUsage reads a count at a path; nil if there is none.
func readUsage(raw json.RawMessage, path []string) *protocol.Usage {
	var n nativeUsage
	if len(path) == 0 {
		return nil
	}
	if raw = at(raw, path...); absent(raw) || json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return &protocol.Usage{
		InputTokens: n.Input + n.InputSnake, OutputTokens: n.Output + n.OutputSnake,
		CachedReadTokens: n.CachedRead, CachedWriteTokens: n.CachedWrite, ReasoningTokens: n.Thought,
	}
}

// chunk adds the usage that a chunk carries.
func (u *usage) chunk(t *turn, meta json.RawMessage, q *Quirks) {
	used := readUsage(meta, q.ChunkUsage)
	if used == nil {
		return
	}
	if t.used == nil {
		t.used = &protocol.Usage{}
	}
	addUsage(t.used, used)
}

// usageUpdate takes how full the context is, and the cost of the process.
func (t *translator) usageUpdate(raw json.RawMessage, o *output) error {
	var f struct {
		Used int64 `json:"used"`
		Size int64 `json:"size"`
		Cost *struct {
			Amount   float64 `json:"amount"`
			Currency string  `json:"currency"`
		} `json:"cost"`
	}
	if json.Unmarshal(raw, &f) != nil {
		return errShape
	}
	t.usage.context = protocol.Context{Used: f.Used, Size: f.Size}
	if f.Cost != nil && f.Cost.Currency == "USD" {
		t.usage.cost, t.usage.known = f.Cost.Amount, true
	}
	t.usage.report(o)
	return nil
}

// endTurn adds the turn's usage and puts it into its end.
func (u *usage) endTurn(t *turn, end *protocol.TurnEnded, o *output) {
	if t.used != nil {
		addUsage(&u.tokens, t.used)
		end.Usage = t.used
	}
	if u.known {
		cost := max(u.cost-t.cost, 0)
		end.CostUSD = &cost
	}
	u.report(o)
}

// report tells the session's usage, if it is news.
func (u *usage) report(o *output) {
	r := &protocol.UsageUpdated{Usage: u.tokens}
	if u.known {
		cost := u.spent + u.cost
		r.CostUSD = &cost
	}
	if u.context.Used > 0 {
		context := u.context
		r.Context = &context
	}
	told := string(encode(r))
	if told == u.told || *r == (protocol.UsageUpdated{}) {
		return
	}
	u.told = told
	o.emit(r)
}

func addUsage(to, more *protocol.Usage) {
	to.InputTokens += more.InputTokens
	to.OutputTokens += more.OutputTokens
	to.CachedReadTokens += more.CachedReadTokens
	to.CachedWriteTokens += more.CachedWriteTokens
	to.ReasoningTokens += more.ReasoningTokens
}

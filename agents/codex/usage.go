package codex

import (
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// nativeUsage counts tokens as the server writes them: input and output
// include what was cached and what was reasoning.
type nativeUsage struct {
	Total      int64 `json:"totalTokens"`
	Input      int64 `json:"inputTokens"`
	Cached     int64 `json:"cachedInputTokens"`
	CacheWrite int64 `json:"cacheWriteInputTokens"`
	Output     int64 `json:"outputTokens"`
	Reasoning  int64 `json:"reasoningOutputTokens"`
}

func (u nativeUsage) plus(v nativeUsage) nativeUsage {
	return nativeUsage{u.Total + v.Total, u.Input + v.Input, u.Cached + v.Cached, u.CacheWrite + v.CacheWrite, u.Output + v.Output, u.Reasoning + v.Reasoning}
}

func (u nativeUsage) minus(v nativeUsage) nativeUsage {
	return nativeUsage{u.Total - v.Total, u.Input - v.Input, u.Cached - v.Cached, u.CacheWrite - v.CacheWrite, u.Output - v.Output, u.Reasoning - v.Reasoning}
}

// usage is the universal form, whose input is what was not cached.
func (u nativeUsage) usage() protocol.Usage {
	return protocol.Usage{
		InputTokens: max(u.Input-u.Cached-u.CacheWrite, 0), OutputTokens: u.Output,
		CachedReadTokens: u.Cached, CachedWriteTokens: u.CacheWrite, ReasoningTokens: u.Reasoning,
	}
}

// usage is what all threads of the session used.
func (t *translator) usage() nativeUsage {
	var all nativeUsage
	for _, th := range t.threads {
		all = all.plus(th.usage)
	}
	return all
}

// usageUpdated takes a thread's counts, which come after each answer of the
// model.
func (t *translator) usageUpdated(params json.RawMessage, o *output) error {
	var p struct {
		ThreadID string `json:"threadId"`
		Usage    struct {
			Total  nativeUsage `json:"total"`
			Last   nativeUsage `json:"last"`
			Window int64       `json:"modelContextWindow"`
		} `json:"tokenUsage"`
	}
	if json.Unmarshal(params, &p) != nil {
		return errShape
	}
	th := t.threadOf(p.ThreadID)
	if th == nil {
		return nil
	}
	same := th.usage == p.Usage.Total
	th.usage = p.Usage.Total
	context := t.context
	if th == t.root {
		t.context = protocol.Context{Used: p.Usage.Last.Total, Size: p.Usage.Window}
	}
	if same && context == t.context {
		return nil
	}
	u := &protocol.UsageUpdated{Usage: t.usage().usage()}
	if t.context.Used > 0 {
		c := t.context
		u.Context = &c
	}
	o.emit(u)
	return nil
}

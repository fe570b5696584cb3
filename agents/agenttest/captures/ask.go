package captures

import "github.com/towline-dev/towline/protocol"

// permission checks a permission.
func (c *Checker) permission(p protocol.Permission) {
	c.ask(p.PermissionID, p.ItemID)
	if p.Tool == nil {
		c.faultf(AsksShowCalls, "permission %s does not tell what is asked for", p.PermissionID)
	}
	n := len(p.Options)
	if n == 0 || p.Options[0].Decision != protocol.Allow || p.Options[0].Scope != protocol.ScopeOnce || p.Options[n-1].Decision != protocol.Deny {
		c.faultf(OptionsAreInOrder, "permission %s has %+v", p.PermissionID, p.Options)
	}
}

// ask notes a new ask.
func (c *Checker) ask(id, item string) {
	if at, known := c.asks[id]; known && at == c.now || id == "" {
		c.faultf(AsksAreNew, "%q was asked before", id)
	}
	c.asks[id] = c.now
	c.waits[id] = true
	if i := c.open[item]; i == nil || i.Kind != protocol.KindToolCall {
		c.faultf(AsksBelongToCalls, "%s belongs to %q", id, item)
	}
}

// resolved notes the end of an ask.
func (c *Checker) resolved(id string) {
	if !c.waits[id] {
		c.faultf(AsksResolveOnce, "%s does not wait", id)
	}
	delete(c.waits, id)
}

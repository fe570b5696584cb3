package captures

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/towline-dev/towline/protocol"
)

// permission checks a permission.
func (c *Checker) permission(p protocol.Permission) {
	c.ask(p.PermissionID, p.ItemID)
	switch {
	case p.InputSHA256 == "":
		c.faultf(AsksAreHashed, "permission %s has no hash", p.PermissionID)
	case p.Tool == nil || p.InputSHA256 != hash(p.Tool.Input):
		c.faultf(HashesFit, "permission %s has another hash than its input", p.PermissionID)
	}
	n := len(p.Options)
	if n == 0 || p.Options[0].Decision != protocol.Allow || p.Options[0].Scope != protocol.ScopeOnce || p.Options[n-1].Decision != protocol.Deny {
		c.faultf(OptionsAreInOrder, "permission %s has %+v", p.PermissionID, p.Options)
	}
}

// hash is the SHA-256 of an input as it stands in an event.
func hash(input json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, input) != nil {
		b.Reset()
		b.Write(input)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
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

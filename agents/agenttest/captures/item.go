package captures

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// openItem is an item as it began, with its deltas so far.
type openItem struct {
	protocol.Item
	input string
	texts map[stream]string
}

// stream names one text that deltas make up.
type stream struct {
	kind  protocol.DeltaKind
	index int
}

func (c *Checker) started(item protocol.Item) {
	if c.open[item.ID] != nil || item.ID == "" || item.Status != protocol.ItemInProgress {
		c.faultf(ItemsStartOnce, "item %q is open, or not in progress", item.ID)
	}
	switch at, known := c.items[item.ID]; {
	case !known:
	case at == c.now:
		c.faultf(ItemsStartOnce, "item %s started before", item.ID)
	case at.process == c.now.process:
		c.faultf(ItemIDsAreOfOneTurn, "item %s started in an earlier turn", item.ID)
	default:
		c.faultf(ItemIDsAreOfOneProcess, "item %s started in an earlier process", item.ID)
	}
	if item.ParentID != "" && c.open[item.ParentID] == nil {
		c.faultf(ItemsHaveOpenParents, "item %s is inside of %s", item.ID, item.ParentID)
	}
	if item.Content == nil || item.Kind == protocol.KindToolCall && (item.Tool == nil || item.Tool.Name == "" || item.Tool.Kind == "") {
		c.faultf(ItemsAreWhole, "%s %s started without content or tool", item.Kind, item.ID)
	}
	if item.Kind == protocol.KindToolCall && (item.Tool == nil || len(item.Tool.Input) == 0) {
		c.faultf(CallsBeginWithInput, "tool call %s has none", item.ID)
	}
	c.items[item.ID] = c.now
	c.open[item.ID] = &openItem{Item: item, texts: map[stream]string{}}
}

func (c *Checker) delta(d *protocol.ItemDelta) {
	i := c.open[d.ItemID]
	if i == nil || d.Text == "" {
		c.faultf(DeltasAreOfOpenItems, "%q is of item %q", d.Text, d.ItemID)
		return
	}
	if d.Kind == protocol.DeltaToolInput {
		i.input += d.Text
		return
	}
	i.texts[stream{d.Kind, d.Index}] += d.Text
}

func (c *Checker) completed(item protocol.Item) {
	began := c.open[item.ID]
	if began == nil {
		c.faultf(ItemsCompleteOnce, "item %s is not open", item.ID)
		return
	}
	delete(c.open, item.ID)
	if began.Kind != item.Kind || began.Role != item.Role || began.ParentID != item.ParentID || began.NativeID != item.NativeID || item.Status == protocol.ItemInProgress {
		c.faultf(ItemsStaySame, "item %s began as %+v and completed as %+v", item.ID, began.Item, item)
	}
	if item.Content == nil {
		c.faultf(ItemsAreWhole, "item %s completed without content", item.ID)
	}
	if began.input != "" && (item.Tool == nil || !sameJSON(began.input, item.Tool.Input)) {
		c.faultf(DeltasJoin, "item %s: the deltas %s are not the input of %+v", item.ID, began.input, item.Tool)
	}
	c.joined(began, item)
}

// joined checks that the deltas make up the item: each stream is one of its
// texts, and one after the other they are all of it.
func (c *Checker) joined(began *openItem, item protocol.Item) {
	if len(began.texts) == 0 {
		return
	}
	var texts []string
	for _, p := range item.Content {
		texts = append(texts, p.Text+p.Output)
	}
	joined := ""
	for _, s := range slices.SortedFunc(maps.Keys(began.texts), func(a, b stream) int { return a.index - b.index }) {
		joined += began.texts[s]
		if !slices.Contains(texts, began.texts[s]) {
			c.faultf(DeltasJoin, "item %s: the deltas %q of %+v are none of its texts", item.ID, began.texts[s], s)
		}
	}
	if whole := strings.Join(texts, ""); whole != joined {
		c.faultf(DeltasJoin, "item %s: deltas %q, whole %q", item.ID, joined, whole)
	}
}

// sameJSON compares two values by what they say.
func sameJSON(a string, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

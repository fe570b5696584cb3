package codex

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// itemKey names a native item. Ids are the model's own and repeat when the
// model repeats them (PROTOCOL.md section 5).
type itemKey struct{ thread, id string }

// item is a universal item: what its start said, and what was streamed since.
type item struct {
	protocol.Item
	key     itemKey
	order   int
	streams []*stream
	done    bool
	// ours tells that we closed it, so that its native end may still come.
	ours bool
	// left tells that the turn ended before the item did: what comes later
	// is told in an item of its own.
	left bool
	// before is what items before this one have told of each stream.
	before map[streamKey]string
	// command tells a commandExecution.
	command bool
	// changes are a fileChange's, for the permission that may follow.
	changes []fileChange
}

// streamKey names one text of an item: message and plan have one, reasoning
// many, a command its output.
type streamKey struct {
	kind string
	n    int
}

// The kinds of streams.
const (
	streamText    = "text"
	streamSummary = "summary"
	streamContent = "content"
	streamOutput  = "output"
)

// stream is a text as far as it was streamed. Its index in the item is its
// place among the item's streams.
type stream struct {
	key  streamKey
	text []byte
}

// nativeItem is an item as notifications carry it; fields are used by type.
type nativeItem struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Status string `json:"status"`

	// userMessage and agentMessage, plan.
	ClientID string          `json:"clientId"`
	Content  json.RawMessage `json:"content"`
	Text     string          `json:"text"`

	Summary []string `json:"summary"`

	// commandExecution.
	Command  string  `json:"command"`
	Cwd      string  `json:"cwd"`
	Source   string  `json:"source"`
	Output   *string `json:"aggregatedOutput"`
	ExitCode *int    `json:"exitCode"`
	Actions  []struct {
		Type string `json:"type"`
	} `json:"commandActions"`

	Changes []fileChange `json:"changes"`

	// mcpToolCall and dynamicToolCall.
	Server       string          `json:"server"`
	Tool         string          `json:"tool"`
	Arguments    json.RawMessage `json:"arguments"`
	Result       *mcpResult      `json:"result"`
	Error        *mcpError       `json:"error"`
	ContentItems []contentItem   `json:"contentItems"`

	// collabAgentToolCall.
	Receivers []string              `json:"receiverThreadIds"`
	Prompt    string                `json:"prompt"`
	Agents    map[string]agentState `json:"agentsStates"`

	Query string `json:"query"`
	Path  string `json:"path"`
}

// itemEvent is item/started or item/completed.
type itemEvent struct {
	ThreadID string          `json:"threadId"`
	Item     json.RawMessage `json:"item"`
}

// readItem reads the event and the item in it.
func (t *translator) readItem(params json.RawMessage) (*thread, nativeItem, json.RawMessage, error) {
	var e itemEvent
	var n nativeItem
	if json.Unmarshal(params, &e) != nil || json.Unmarshal(e.Item, &n) != nil || n.Type == "" || n.ID == "" {
		return nil, n, nil, errShape
	}
	return t.threadOf(e.ThreadID), n, e.Item, nil
}

// itemStarted opens an item.
func (t *translator) itemStarted(params json.RawMessage, o *output) error {
	th, n, raw, err := t.readItem(params)
	if err != nil || th == nil {
		return err
	}
	if n.Type == "userMessage" {
		t.userMessage(th, n, o)
		return nil
	}
	key := itemKey{th.id, n.ID}
	if it := t.items[key]; it != nil && (!it.done || it.left) {
		return nil // it is open, or went on in the background
	}
	t.start(th, n, raw, o)
	return nil
}

// start reports that an item began.
func (t *translator) start(th *thread, n nativeItem, raw json.RawMessage, o *output) *item {
	it := &item{key: itemKey{th.id, n.ID}, Item: describe(n, raw), command: n.Type == "commandExecution", changes: n.Changes}
	t.open(it, th, o)
	return it
}

// open gives an item its id and reports its start.
func (t *translator) open(it *item, th *thread, o *output) {
	t.order++
	it.order = t.order
	it.ID = t.uniqueID(it.key.id)
	it.NativeID = it.ID
	it.ParentID = th.parent
	if it.Tool != nil {
		it.Tool.CallID = it.key.id
	}
	it.Status = protocol.ItemInProgress
	it.Item.Content = []protocol.Part{}
	t.items[it.key] = it
	o.emit(&protocol.ItemStarted{Item: it.Item})
}

// uniqueID numbers a native id that repeats.
func (t *translator) uniqueID(id string) string {
	t.used[id]++
	if n := t.used[id]; n > 1 {
		return t.uniqueID(id + "#" + strconv.Itoa(n))
	}
	return id
}

// describe makes the item that a native one is.
func describe(n nativeItem, raw json.RawMessage) protocol.Item {
	switch n.Type {
	case "agentMessage", "plan":
		return protocol.Item{Kind: protocol.KindMessage, Role: "assistant"}
	case "reasoning":
		return protocol.Item{Kind: protocol.KindReasoning, Role: "assistant"}
	case "contextCompaction":
		return protocol.Item{Kind: protocol.KindStatus}
	case "commandExecution":
		return protocol.Item{Kind: protocol.KindToolCall, Tool: commandTool(n)}
	case "fileChange":
		return protocol.Item{Kind: protocol.KindToolCall, Tool: changeTool(n)}
	case "mcpToolCall", "dynamicToolCall", "collabAgentToolCall", "webSearch", "imageView":
		return protocol.Item{Kind: protocol.KindToolCall, Tool: otherTool(n, raw)}
	default:
		return protocol.Item{Kind: protocol.KindUnknown}
	}
}

// itemCompleted closes an item. One that we closed before is over, unless it
// outlived its turn: a command in the background (PROTOCOL.md section 7).
func (t *translator) itemCompleted(params json.RawMessage, o *output) error {
	th, n, raw, err := t.readItem(params)
	if err != nil || th == nil || n.Type == "userMessage" {
		return err
	}
	it := t.items[itemKey{th.id, n.ID}]
	switch {
	case it == nil:
		it = t.start(th, n, raw, o)
	case it.done && (!it.left || !it.hasMore(n)):
		delete(t.items, it.key)
		return nil
	case it.done:
		it = t.goOn(it, th, o)
	}
	if n.Type == "collabAgentToolCall" && t.spawned(it, n, o) {
		return nil // it ends with the subagent's turn
	}
	content := t.content(it, n, raw, o)
	t.complete(it, itemStatus(n), content, o)
	if n.Type == "contextCompaction" {
		o.notice("info", "compacted", "the conversation so far was summarized to make room", nil)
	}
	return nil
}

// content makes the parts of a completed item.
func (t *translator) content(it *item, n nativeItem, raw json.RawMessage, o *output) []protocol.Part {
	switch n.Type {
	case "agentMessage", "plan":
		return it.texts([]wholeText{{streamKey{streamText, 0}, n.Text}}, o)
	case "reasoning":
		return it.texts(reasoningTexts(n), o)
	case "contextCompaction":
		return []protocol.Part{{Type: protocol.PartStatus, Label: "context compacted"}}
	case "commandExecution":
		return it.commandParts(n, o)
	case "fileChange":
		return diffParts(n.Changes)
	case "mcpToolCall":
		return mcpParts(n)
	case "dynamicToolCall":
		return dynamicParts(n)
	case "collabAgentToolCall":
		return agentParts(n)
	case "webSearch":
		return []protocol.Part{}
	default:
		return []protocol.Part{{Type: protocol.PartJSON, JSON: raw}}
	}
}

// itemStatus maps a native status; types without one are done.
func itemStatus(n nativeItem) protocol.ItemStatus {
	switch n.Status {
	case "failed":
		return protocol.ItemFailed
	case "declined":
		return protocol.ItemDeclined
	case "interrupted":
		return protocol.ItemInterrupted
	default:
		return protocol.ItemDone
	}
}

// complete reports that an item is done, whole.
func (t *translator) complete(it *item, status protocol.ItemStatus, content []protocol.Part, o *output) {
	done := it.Item
	done.Status = status
	done.Content = content
	if content == nil {
		done.Content = []protocol.Part{}
	}
	it.done, it.left = true, false
	o.emit(&protocol.ItemCompleted{Item: done})
}

// wholeText is a text of a completed item.
type wholeText struct {
	key  streamKey
	text string
}

// texts makes the parts of a completed text item so that its deltas make them
// up: the native text is the authority, and a missing tail follows as a delta.
// What was shown cannot be taken back, so where the two differ it stands.
func (it *item) texts(whole []wholeText, o *output) []protocol.Part {
	parts := []protocol.Part{}
	for i, s := range it.streams {
		text := string(s.text)
		at := slices.IndexFunc(whole, func(w wholeText) bool { return w.key == s.key })
		if at >= 0 {
			rest := strings.TrimPrefix(whole[at].text, it.before[s.key])
			if tail, ok := strings.CutPrefix(rest, text); ok && tail != "" {
				it.delta(i, tail, o)
				text = rest
			}
			whole = slices.Delete(whole, at, at+1)
		}
		parts = append(parts, it.textPart(text))
	}
	for _, w := range whole {
		if rest := strings.TrimPrefix(w.text, it.before[w.key]); rest != "" {
			parts = append(parts, it.textPart(rest))
		}
	}
	return parts
}

func (it *item) textPart(text string) protocol.Part {
	if it.Kind == protocol.KindReasoning {
		return protocol.Part{Type: protocol.PartReasoning, Text: text, Visibility: "public"}
	}
	return protocol.TextPart(text)
}

// stream returns the index of a stream, new on its first text.
func (it *item) stream(key streamKey) int {
	for i, s := range it.streams {
		if s.key == key {
			return i
		}
	}
	it.streams = append(it.streams, &stream{key: key})
	return len(it.streams) - 1
}

// delta adds to a stream.
func (it *item) delta(index int, text string, o *output) {
	kind := protocol.DeltaText
	switch it.Kind {
	case protocol.KindReasoning:
		kind = protocol.DeltaReasoning
	case protocol.KindToolCall:
		kind = protocol.DeltaToolOutput
	case protocol.KindMessage, protocol.KindStatus, protocol.KindUnknown:
	}
	it.streams[index].text = append(it.streams[index].text, text...)
	o.emit(&protocol.ItemDelta{ItemID: it.ID, Index: index, Kind: kind, Text: text})
}

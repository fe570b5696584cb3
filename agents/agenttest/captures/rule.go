package captures

// Rule is one thing that must hold of what a translator reports.
type Rule string

// The rules.
const (
	// TurnsAlternate: a turn starts while none is open, and ends once. The turn
	// of a prompt is open from its command on, and is reported with the prompt.
	TurnsAlternate Rule = "turns alternate"
	// TurnsAreReported: a turn's start is reported before its end.
	TurnsAreReported Rule = "turns are reported"
	// PromptsFit: a prompt steers if and only if a turn is open.
	PromptsFit Rule = "prompts fit the turn"
	// TurnsEnd: no turn is open when the process exits or the recording ends.
	TurnsEnd Rule = "turns end"
	// SomeTurnEnds: a recording holds a turn that ends.
	SomeTurnEnds Rule = "some turn ends"

	// ItemsStartOnce: an item has an id, which no item of its turn had, and is
	// in progress.
	ItemsStartOnce Rule = "items start once"
	// ItemIDsAreOfOneTurn: no item of another turn of the process had its id.
	ItemIDsAreOfOneTurn Rule = "item ids are of one turn"
	// ItemIDsAreOfOneProcess: no item of another process had its id.
	ItemIDsAreOfOneProcess Rule = "item ids are of one process"
	// ItemsAreWhole: an item has content, even if empty; a tool call has a tool
	// with a name and a kind.
	ItemsAreWhole Rule = "items are whole"
	// CallsBeginWithInput: a tool call starts with its input.
	CallsBeginWithInput Rule = "tool calls begin with their input"
	// ItemsHaveOpenParents: the item that an item is inside of is open.
	ItemsHaveOpenParents Rule = "items have open parents"
	// ItemsCompleteOnce: an item that completes is open.
	ItemsCompleteOnce Rule = "items complete once"
	// ItemsStaySame: kind, role, parent and native id are as they began, and the
	// status is a final one.
	ItemsStaySame Rule = "items stay the same"
	// ItemsEndInTurn: no item is open when a turn ends.
	ItemsEndInTurn Rule = "items end in their turn"
	// ItemsEnd: no item is open when the process exits or the recording ends.
	ItemsEnd Rule = "items end"
	// DeltasAreOfOpenItems: a delta says something, of an open item.
	DeltasAreOfOpenItems Rule = "deltas are of open items"
	// DeltasJoin: the deltas of one kind and index are one of the item's texts,
	// all of them together are all its texts; those of an input are the input.
	DeltasJoin Rule = "deltas join"

	// AsksAreNew: a permission or question has an id, which none of its turn had.
	AsksAreNew Rule = "asks are new"
	// AsksBelongToCalls: what an ask belongs to is an open tool call.
	AsksBelongToCalls Rule = "asks belong to open tool calls"
	// AsksShowCalls: a permission tells what is asked for.
	AsksShowCalls Rule = "asks show their calls"
	// OptionsAreInOrder: the narrowest allow comes first, deny last.
	OptionsAreInOrder Rule = "options are in order"
	// AsksResolveOnce: what is decided, answered or resolved waits.
	AsksResolveOnce Rule = "asks resolve once"
	// AsksEndInTurn: no ask waits when a turn ends.
	AsksEndInTurn Rule = "asks end in their turn"
	// AsksEnd: no ask waits when the process exits or the recording ends.
	AsksEnd Rule = "asks end"

	// FramesAreRead: no native frame is unparsed.
	FramesAreRead Rule = "frames are read"
)

package protocol

import "slices"

// Fold keeps the State of a session: what a user interface needs at once,
// without history. Its size does not grow with the session. The server keeps
// one per session, and a client can go on from the one in hello.
//
// It is pure: the same events give the same state. It takes what it gets:
// unknown types, views that leave events out, and events it has already seen,
// which it skips. It is not safe for concurrent use.
type Fold struct {
	seq          uint64
	told         Status // as session.updated or session.ended told; "" if neither
	turn         *TurnState
	items        []*openItem
	permissions  []Permission
	questions    []Question
	plan         []PlanEntry
	usage        *UsageUpdated
	queue        []QueueEntry
	settings     settings
	agentRunning bool
}

// settings is what session.updated changes.
type settings struct {
	title, model, mode, effort, permissionMode string
}

// NewFold returns the fold of no events: idle, with nothing in it.
func NewFold() *Fold { return new(Fold) }

// Apply folds e in. It keeps parts of e, which nobody may write to afterwards.
// An event whose Seq is not above the last one's is skipped.
func (f *Fold) Apply(e *Event) {
	if e.Seq != 0 && e.Seq <= f.seq {
		return
	}
	f.seq = max(f.seq, e.Seq)
	switch d := e.Data.(type) {
	case *SessionStarted:
		f.told = ""
		replace(&f.settings.model, d.Model)
		replace(&f.settings.mode, d.Mode)
	case *SessionUpdated:
		f.update(d)
	case *SessionEnded:
		f.end(d)
	case *AgentStarted:
		f.agentRunning = true
		f.started()
	case *AgentExited:
		f.agentRunning = false
		f.started()
	case *PromptAccepted:
		f.accept(d)
	case *PromptWithdrawn:
		f.unqueue(d.PromptID)
	case *TurnStarted:
		f.startTurn(e, d)
	case *TurnEnded:
		f.turn = nil
	case *PlanUpdated:
		f.plan = d.Entries
	case *UsageUpdated:
		f.use(d)
	default:
		f.applyItem(e.Data)
		f.applyAsk(e.Data)
	}
}

// applyItem folds the events of items.
func (f *Fold) applyItem(data Data) {
	switch d := data.(type) {
	case *ItemStarted:
		f.removeItem(d.Item.ID)
		f.items = append(f.items, newOpenItem(d.Item))
	case *ItemDelta:
		if i := f.findItem(d.ItemID); i >= 0 {
			f.items[i].add(d)
		}
	case *ItemCompleted:
		f.removeItem(d.Item.ID)
	}
}

// applyAsk folds the events of permissions and questions.
func (f *Fold) applyAsk(data Data) {
	switch d := data.(type) {
	case *PermissionRequested:
		f.removePermission(d.Permission.PermissionID)
		f.permissions = append(f.permissions, d.Permission)
	case *PermissionResolved:
		f.removePermission(d.PermissionID)
	case *QuestionRequested:
		f.removeQuestion(d.Question.QuestionID)
		f.questions = append(f.questions, d.Question)
	case *QuestionResolved:
		f.removeQuestion(d.QuestionID)
	}
}

// replace sets *s unless v is empty.
func replace(s *string, v string) {
	if v != "" {
		*s = v
	}
}

func (f *Fold) update(d *SessionUpdated) {
	for _, c := range []struct {
		to   *string
		from *string
	}{
		{&f.settings.title, d.Title},
		{&f.settings.model, d.Model},
		{&f.settings.mode, d.Mode},
		{&f.settings.effort, d.Effort},
		{&f.settings.permissionMode, d.PermissionMode},
	} {
		if c.from != nil {
			*c.to = *c.from
		}
	}
	if d.Status != nil {
		f.told = *d.Status
	}
}

// end closes everything: nothing goes on in an ended session.
func (f *Fold) end(d *SessionEnded) {
	f.told = StatusEnded
	if d.Reason == "error" {
		f.told = StatusFailed
	}
	f.turn, f.items, f.permissions, f.questions, f.queue = nil, nil, nil, nil, nil
	f.agentRunning = false
}

// started ends the status starting, which lasts until the agent runs or not.
func (f *Fold) started() {
	if f.told == StatusStarting {
		f.told = ""
	}
}

// accept queues a prompt. One that steers an open turn is in it already, and
// never waits.
func (f *Fold) accept(d *PromptAccepted) {
	if d.Delivery == DeliverSteer && f.turn != nil {
		return
	}
	f.unqueue(d.PromptID)
	f.queue = slices.Insert(f.queue, max(0, min(d.Position, len(f.queue))), QueueEntry{
		PromptID: d.PromptID, CommandID: d.CommandID, Delivery: d.Delivery, Preview: Preview(d.Content, 200),
	})
}

func (f *Fold) unqueue(promptID string) {
	f.queue = slices.DeleteFunc(f.queue, func(q QueueEntry) bool { return q.PromptID == promptID })
}

func (f *Fold) startTurn(e *Event, d *TurnStarted) {
	f.turn = &TurnState{
		TurnID: e.TurnID, PromptIDs: append([]string{}, d.PromptIDs...), Origin: d.Origin, StartedAt: e.Time,
	}
	for _, id := range d.PromptIDs {
		f.unqueue(id)
	}
	f.started()
}

// use takes the session's usage so far; what the agent leaves out this time
// stays as it was.
func (f *Fold) use(d *UsageUpdated) {
	u := *d
	if f.usage != nil && u.CostUSD == nil {
		u.CostUSD = f.usage.CostUSD
	}
	if f.usage != nil && u.Context == nil {
		u.Context = f.usage.Context
	}
	f.usage = &u
}

func (f *Fold) findItem(id string) int {
	return slices.IndexFunc(f.items, func(i *openItem) bool { return i.item.ID == id })
}

func (f *Fold) removeItem(id string) {
	if i := f.findItem(id); i >= 0 {
		f.items = slices.Delete(f.items, i, i+1)
	}
}

func (f *Fold) removePermission(id string) {
	f.permissions = slices.DeleteFunc(f.permissions, func(p Permission) bool { return p.PermissionID == id })
}

func (f *Fold) removeQuestion(id string) {
	f.questions = slices.DeleteFunc(f.questions, func(q Question) bool { return q.QuestionID == id })
}

func (f *Fold) status() Status {
	switch {
	case f.told == StatusEnded || f.told == StatusFailed:
		return f.told
	case f.turn != nil && len(f.permissions)+len(f.questions) > 0:
		return StatusWaiting
	case f.turn != nil:
		return StatusRunning
	case f.told == StatusStarting:
		return StatusStarting
	default:
		return StatusIdle
	}
}

// State returns the state after the events so far. It is the caller's: later
// events do not change it. Its lists are never nil.
func (f *Fold) State() State {
	s := State{
		Seq: f.seq, Status: f.status(), AgentRunning: f.agentRunning,
		Items:       make([]Item, 0, len(f.items)),
		Permissions: append([]Permission{}, f.permissions...),
		Questions:   append([]Question{}, f.questions...),
		Queue:       append([]QueueEntry{}, f.queue...),
		Plan:        slices.Clone(f.plan),
		Title:       f.settings.title, Model: f.settings.model, Mode: f.settings.mode,
		Effort: f.settings.effort, PermissionMode: f.settings.permissionMode,
	}
	for _, i := range f.items {
		s.Items = append(s.Items, i.snapshot())
	}
	if f.turn != nil {
		turn := *f.turn
		s.Turn = &turn
	}
	if f.usage != nil {
		usage := *f.usage
		s.Usage = &usage
	}
	return s
}

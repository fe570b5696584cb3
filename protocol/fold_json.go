package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
)

// savedFold is a Fold as it is kept: its state, and what goes on in it.
type savedFold struct {
	State State `json:"state"`
	// Told is the status as it was told last.
	Told Status `json:"told,omitempty"`
	// Open holds, for each item of the state, where its next deltas go.
	Open []savedItem `json:"open,omitempty"`
}

type savedItem struct {
	Texts []openText `json:"texts,omitempty"`
	Size  int        `json:"size,omitempty"`
}

// MarshalJSON saves the fold, so that UnmarshalJSON makes one that goes on in
// the same way. Called by an encoder that escapes for HTML, as json.Marshal
// does, raw JSON such as a tool's input keeps its meaning but not its bytes.
func (f *Fold) MarshalJSON() ([]byte, error) {
	s := savedFold{State: f.State(), Told: f.told}
	for _, i := range f.items {
		s.Open = append(s.Open, savedItem{Texts: i.texts, Size: i.size})
	}
	return appendJSON(nil, s)
}

// UnmarshalJSON restores what MarshalJSON saved.
func (f *Fold) UnmarshalJSON(b []byte) error {
	var s savedFold
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("cannot restore fold: %w", err)
	}
	restored := FoldOf(s.State)
	restored.told = s.Told
	if len(s.Open) != len(restored.items) {
		return errors.New("cannot restore fold: its items do not fit")
	}
	for i, open := range s.Open {
		if err := restored.items[i].resume(open); err != nil {
			return err
		}
	}
	*f = *restored
	return nil
}

// resume takes the streams of deltas up where they were.
func (o *openItem) resume(saved savedItem) error {
	o.size = saved.Size
	for _, t := range saved.Texts {
		if t.Part < 0 || t.Part >= len(o.item.Content) {
			return errors.New("cannot restore fold: a text has no part")
		}
		t.buf = []byte(*t.field(&o.item.Content[t.Part]))
		o.texts = append(o.texts, t)
	}
	return nil
}

// FoldOf returns a fold that goes on from a state, such as the one in hello.
// It keeps parts of s.
func FoldOf(s State) *Fold {
	f := &Fold{
		seq: s.Seq, turn: s.Turn, plan: s.Plan, usage: s.Usage, agentRunning: s.AgentRunning,
		permissions: append([]Permission{}, s.Permissions...),
		questions:   append([]Question{}, s.Questions...),
		queue:       append([]QueueEntry{}, s.Queue...),
		settings: settings{
			title: s.Title, model: s.Model, mode: s.Mode, effort: s.Effort, permissionMode: s.PermissionMode,
		},
	}
	switch s.Status {
	case StatusStarting, StatusEnded, StatusFailed:
		f.told = s.Status
	}
	for _, item := range s.Items {
		o := newOpenItem(item)
		for _, p := range item.Content {
			o.size += len(p.Text) + len(p.Output)
		}
		f.items = append(f.items, o)
	}
	return f
}

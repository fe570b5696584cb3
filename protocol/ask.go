package protocol

import "encoding/json"

// PermissionKind is what a permission is about.
type PermissionKind string

// The kinds of permissions.
const (
	PermitCommand PermissionKind = "command"
	PermitEdit    PermissionKind = "edit"
	PermitFetch   PermissionKind = "fetch"
	PermitMCP     PermissionKind = "mcp"
	PermitPlan    PermissionKind = "plan"
	PermitOther   PermissionKind = "other"
)

// Decision is allow or deny. The absence of a decision is never consent.
type Decision string

// The decisions.
const (
	Allow Decision = "allow"
	Deny  Decision = "deny"
)

// Scope is how far a decision reaches.
type Scope string

// The scopes of a decision.
const (
	// ScopeOnce is for this request alone.
	ScopeOnce Scope = "once"
	// ScopeSession is for like requests until the session ends.
	ScopeSession Scope = "session"
	// ScopeAlways is kept by the agent beyond the session.
	ScopeAlways Scope = "always"
)

// Permission is a request of the agent to do something.
type Permission struct {
	PermissionID string         `json:"permission_id"`
	ItemID       string         `json:"item_id,omitempty"`
	Kind         PermissionKind `json:"kind"`
	// Title is one line for people; control and bidirectional characters in
	// it are escaped.
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Tool        *Tool  `json:"tool,omitempty"`
	// Diff previews what an edit would do.
	Diff *Part `json:"diff,omitempty"`
	// Options are the answers that the agent takes, the narrowest allow first.
	Options []PermissionOption `json:"options"`
	// Editable tells that the decision may carry another input.
	Editable bool `json:"editable"`
	// InputSHA256 is the SHA-256, in hex, of tool.input as it stands in this
	// event; the session sets it. A decision may repeat it: another value is
	// refused.
	InputSHA256 string `json:"input_sha256"`
	ExpiresAt   *Time  `json:"expires_at,omitempty"`
}

// PermissionOption is one answer that a permission offers.
type PermissionOption struct {
	ID       string   `json:"id"`
	Decision Decision `json:"decision"`
	Scope    Scope    `json:"scope"`
	Label    string   `json:"label"`
}

// Question is something the agent asks a human, one or more questions at once.
type Question struct {
	QuestionID string         `json:"question_id"`
	ItemID     string         `json:"item_id,omitempty"`
	Questions  []QuestionItem `json:"questions"`
}

// QuestionItem is a single question with its choices.
type QuestionItem struct {
	Header  string           `json:"header,omitempty"`
	Text    string           `json:"text"`
	Options []QuestionOption `json:"options"`
	// MultiSelect allows several labels in the answer.
	MultiSelect bool `json:"multi_select"`
	// FreeText allows an answer that is none of the labels.
	FreeText bool `json:"free_text"`
}

// QuestionOption is one choice.
type QuestionOption struct {
	Label       string `json:"label"`
	Description string `json:"description,omitempty"`
}

// Actor tells who did something.
type Actor struct {
	// Kind is client, policy, timeout, server or agent.
	Kind     string `json:"kind"`
	ClientID string `json:"client_id,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Rule     string `json:"rule,omitempty"`
}

// Delivered is true, false or unknown; on the wire true, false or "unknown".
type Delivered string

// The values of Delivered.
const (
	DeliveredTrue    Delivered = "true"
	DeliveredFalse   Delivered = "false"
	DeliveredUnknown Delivered = "unknown"
)

// MarshalJSON writes a boolean, or the string "unknown".
func (d Delivered) MarshalJSON() ([]byte, error) {
	switch d {
	case DeliveredTrue, DeliveredFalse:
		return []byte(d), nil
	default:
		return []byte(`"unknown"`), nil
	}
}

// UnmarshalJSON reads a boolean; everything else is unknown.
func (d *Delivered) UnmarshalJSON(b []byte) error {
	var v bool
	if err := json.Unmarshal(b, &v); err != nil {
		*d = DeliveredUnknown
		return nil //nolint:nilerr // anything but a boolean means unknown
	}
	*d = DeliveredFalse
	if v {
		*d = DeliveredTrue
	}
	return nil
}

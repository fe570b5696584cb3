package protocol

// Session is a session as REST and hello show it.
type Session struct {
	ID              string `json:"id"`
	Agent           string `json:"agent"`
	AgentVersion    string `json:"agent_version,omitempty"`
	NativeSessionID string `json:"native_session_id,omitempty"`
	Directory       string `json:"directory"`
	Title           string `json:"title,omitempty"`
	Model           string `json:"model,omitempty"`
	Mode            string `json:"mode,omitempty"`
	Effort          string `json:"effort,omitempty"`
	PermissionMode  string `json:"permission_mode,omitempty"`
	Status          Status `json:"status"`
	Epoch           string `json:"epoch"`
	// Head is the last committed seq.
	Head      uint64 `json:"head"`
	Raw       bool   `json:"raw,omitempty"`
	ForkedOf  string `json:"forked_from,omitempty"`
	CreatedAt Time   `json:"created_at"`
	UpdatedAt Time   `json:"updated_at"`
	// PendingAsks counts the permissions and questions that wait.
	PendingAsks int `json:"pending_asks"`
}

// SessionPage is one page of a listing. Next is empty on the last page.
type SessionPage struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"`
}

// EventPage is one page of a session's history.
type EventPage struct {
	Events []Event `json:"events"`
	// Last is the cursor after the page's events.
	Last  uint64 `json:"last"`
	Head  uint64 `json:"head"`
	Epoch string `json:"epoch"`
	// More tells that there is more in the direction of reading.
	More bool `json:"more"`
}

// ItemPage is one page of folded items, the newest page first; within a page
// items stand in the order they began.
type ItemPage struct {
	Items []Item `json:"items"`
	// Before is the cursor of the next older page; 0 when there is none.
	Before uint64 `json:"before,omitempty"`
}

// State is the constant-size fold of a session's events: what a user interface
// needs at once, without history. Fold keeps one.
type State struct {
	// Seq is the last event folded in.
	Seq            uint64        `json:"seq"`
	Status         Status        `json:"status"`
	Turn           *TurnState    `json:"turn,omitempty"`
	Items          []Item        `json:"items"`
	Permissions    []Permission  `json:"permissions"`
	Questions      []Question    `json:"questions"`
	Plan           []PlanEntry   `json:"plan,omitempty"`
	Usage          *UsageUpdated `json:"usage,omitempty"`
	Queue          []QueueEntry  `json:"queue"`
	Title          string        `json:"title,omitempty"`
	Model          string        `json:"model,omitempty"`
	Mode           string        `json:"mode,omitempty"`
	Effort         string        `json:"effort,omitempty"`
	PermissionMode string        `json:"permission_mode,omitempty"`
	AgentRunning   bool          `json:"agent_running"`
}

// TurnState is the open turn.
type TurnState struct {
	TurnID    string   `json:"turn_id"`
	PromptIDs []string `json:"prompt_ids"`
	Origin    Source   `json:"origin"`
	StartedAt Time     `json:"started_at"`
}

// QueueEntry is a prompt that waits for its turn.
type QueueEntry struct {
	PromptID  string   `json:"prompt_id"`
	CommandID string   `json:"command_id"`
	Delivery  Delivery `json:"delivery"`
	// Preview is the first 200 characters of the prompt's text.
	Preview string `json:"preview"`
}

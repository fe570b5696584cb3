package protocol

// Capabilities says, honestly, what an agent does here. A true mark is proven
// by a test of the conformance suite.
type Capabilities struct {
	Streaming     bool `json:"streaming"`
	Reasoning     bool `json:"reasoning"`
	ToolCalls     bool `json:"tool_calls"`
	Diffs         bool `json:"diffs"`
	CommandOutput bool `json:"command_output"`
	Permissions   bool `json:"permissions"`
	EditedInput   bool `json:"edited_input"`
	DenyMessage   bool `json:"deny_message"`
	Always        bool `json:"always"`
	Questions     bool `json:"questions"`
	PlanMode      bool `json:"plan_mode"`
	Plan          bool `json:"plan"`
	Images        bool `json:"images"`
	Files         bool `json:"files"`
	Interrupt     bool `json:"interrupt"`
	Steer         bool `json:"steer"`
	Resume        bool `json:"resume"`
	Fork          bool `json:"fork"`
	Models        bool `json:"models"`
	Modes         bool `json:"modes"`
	MCP           bool `json:"mcp"`
	Usage         bool `json:"usage"`
	Cost          bool `json:"cost"`
	Subagents     bool `json:"subagents"`
	SharedProcess bool `json:"shared_process"`
}

// AgentInfo is what GET /v1/agents tells of one agent.
type AgentInfo struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Status is ready (can start now), installable (not here, can be
	// installed), or missing (not here, cannot be installed here).
	Status  string `json:"status"`
	Version string `json:"version,omitempty"`
	// Pinned is the version that install would bring.
	Pinned string `json:"pinned,omitempty"`
	Path   string `json:"path,omitempty"`
	// Origin tells how the path was found: flag, agents_dir, path, builtin.
	Origin string `json:"origin,omitempty"`
	// Credentials tells whether a login or key was found: found, missing, or
	// unknown. It never tells the key.
	Credentials  string         `json:"credentials,omitempty"`
	Capabilities Capabilities   `json:"capabilities"`
	Models       []Model        `json:"models,omitempty"`
	Modes        []Mode         `json:"modes,omitempty"`
	Efforts      []string       `json:"efforts,omitempty"`
	Permission   []Mode         `json:"permission_modes,omitempty"`
	Process      *SharedProcess `json:"process,omitempty"`
	// Message says what to do when the agent is not ready.
	Message string `json:"message,omitempty"`
}

// Model is a model that an agent offers.
type Model struct {
	ID          string   `json:"id"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Default     bool     `json:"default,omitempty"`
	Efforts     []string `json:"efforts,omitempty"`
}

// Mode is a mode, or permission mode, that an agent offers.
type Mode struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
}

// SharedProcess is the state of an agent process that serves many sessions.
type SharedProcess struct {
	// Status is stopped, starting, running, backoff or failed.
	Status    string `json:"status"`
	PID       int    `json:"pid,omitempty"`
	Restarts  int    `json:"restarts"`
	StartedAt *Time  `json:"started_at,omitempty"`
	LastError string `json:"last_error,omitempty"`
}

// InstallProgress is one step of an installation.
type InstallProgress struct {
	// Phase is resolve, download, verify, unpack, done or failed.
	Phase   string `json:"phase"`
	Done    int64  `json:"done,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Message string `json:"message,omitempty"`
	Error   *Error `json:"error,omitempty"`
}

// MCPServer is an MCP server that a session's agent shall use: Command with
// Args and Env for a local one, URL with Headers for a remote one.
type MCPServer struct {
	// Type is stdio, http or sse; empty means stdio with Command, else http.
	Type    string            `json:"type,omitempty"`
	Command string            `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	URL     string            `json:"url,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Transport is the type that is meant: Type, or what its absence stands for.
func (s MCPServer) Transport() string {
	switch {
	case s.Type != "":
		return s.Type
	case s.Command != "":
		return "stdio"
	default:
		return "http"
	}
}

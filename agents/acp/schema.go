package acp

import "encoding/json"

// protocolVersion is what every agent speaks; 2 is a draft (section 2). The
// turn's life is in turn.go alone, so that 2, whose turns end by an update and
// not by an answer, finds its place there.
const protocolVersion = 1

// initialized is the answer to initialize.
type initialized struct {
	Version      int          `json:"protocolVersion"`
	Capabilities capabilities `json:"agentCapabilities"`
	Info         struct {
		Name    string `json:"name"`
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"agentInfo"`
	AuthMethods []authMethod `json:"authMethods"`
}

// capabilities are what the agent says it can do; what is absent it cannot.
type capabilities struct {
	LoadSession bool `json:"loadSession"`
	Prompt      struct {
		Image    bool `json:"image"`
		Embedded bool `json:"embeddedContext"`
	} `json:"promptCapabilities"`
	MCP struct {
		HTTP bool `json:"http"`
		SSE  bool `json:"sse"`
	} `json:"mcpCapabilities"`
	Session map[string]json.RawMessage `json:"sessionCapabilities"`
}

// has tells whether the agent advertises a method of sessions.
func (c capabilities) has(method string) bool {
	raw, ok := c.Session[method]
	return ok && string(raw) != "null" && string(raw) != "false"
}

type authMethod struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// opened is the answer to session/new, load and resume.
type opened struct {
	SessionID string `json:"sessionId"`
	settingsFrame
}

// settingsFrame tells the settings; any part may be absent.
type settingsFrame struct {
	Modes *struct {
		Current   string   `json:"currentModeId"`
		Available []choice `json:"availableModes"`
	} `json:"modes"`
	Models *struct {
		Current   string `json:"currentModelId"`
		Available []struct {
			ID string `json:"modelId"`
			choice
		} `json:"availableModels"`
	} `json:"models"`
	Options []configOption `json:"configOptions"`
}

// choice is one value of a setting.
type choice struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// configOption is a setting of any kind; its category tells which.
type configOption struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Category string          `json:"category"`
	Current  json.RawMessage `json:"currentValue"`
	Options  []struct {
		Value       string `json:"value"`
		Name        string `json:"name"`
		Description string `json:"description"`
		// Options is set where the values are in groups.
		Options []struct {
			Value       string `json:"value"`
			Name        string `json:"name"`
			Description string `json:"description"`
		} `json:"options"`
	} `json:"options"`
}

// contentBlock is a piece of content, both ways.
type contentBlock struct {
	Type     string         `json:"type"`
	Text     string         `json:"text,omitempty"`
	Data     []byte         `json:"data,omitempty"`
	MimeType string         `json:"mimeType,omitempty"`
	URI      string         `json:"uri,omitempty"`
	Name     string         `json:"name,omitempty"`
	Resource *resourceBlock `json:"resource,omitempty"`
}

type resourceBlock struct {
	URI      string `json:"uri"`
	Text     string `json:"text,omitempty"`
	Blob     []byte `json:"blob,omitempty"`
	MimeType string `json:"mimeType,omitempty"`
}

// chunk is a piece of a message or thought.
type chunk struct {
	Content   json.RawMessage `json:"content"`
	MessageID string          `json:"messageId"`
	Meta      json.RawMessage `json:"_meta"`
}

// toolFrame is a tool call, or what changed of it; what is absent or null did
// not change.
type toolFrame struct {
	ID        string             `json:"toolCallId"`
	Title     *string            `json:"title"`
	Name      *string            `json:"name"`
	Kind      *string            `json:"kind"`
	Status    *string            `json:"status"`
	Content   *[]json.RawMessage `json:"content"`
	Locations []struct {
		Path string `json:"path"`
	} `json:"locations"`
	RawInput  json.RawMessage `json:"rawInput"`
	RawOutput json.RawMessage `json:"rawOutput"`
	Meta      json.RawMessage `json:"_meta"`
}

// toolContent is one element of a tool call's content.
type toolContent struct {
	Type    string          `json:"type"`
	Content json.RawMessage `json:"content"`
	// Of a diff; OldText is absent or null for a new file.
	Path    string  `json:"path"`
	OldText *string `json:"oldText"`
	NewText string  `json:"newText"`
	Meta    struct {
		Kind string `json:"kind"`
	} `json:"_meta"`
}

// permissionFrame is a session/request_permission request.
type permissionFrame struct {
	SessionID string    `json:"sessionId"`
	ToolCall  toolFrame `json:"toolCall"`
	Options   []struct {
		ID   string `json:"optionId"`
		Name string `json:"name"`
		Kind string `json:"kind"`
	} `json:"options"`
}

// at returns the value at a path of object keys; nil if there is none.
func at(raw json.RawMessage, path ...string) json.RawMessage {
	for _, key := range path {
		var object map[string]json.RawMessage
		if len(raw) == 0 || json.Unmarshal(raw, &object) != nil {
			return nil
		}
		raw = object[key]
	}
	return raw
}

// textAt returns the string at a path; empty if there is none.
func textAt(raw json.RawMessage, path ...string) string {
	var s string
	if raw = at(raw, path...); len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

package acp

import (
	"maps"
	"slices"

	"github.com/towline-dev/towline/protocol"
)

// pair is a variable or a header.
type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// nativeServer is an MCP server as the protocol writes it. One over stdio has
// no type, and all its lists are required.
type nativeServer struct {
	Type    string    `json:"type,omitempty"`
	Name    string    `json:"name"`
	Command string    `json:"command,omitempty"`
	Args    *[]string `json:"args,omitempty"`
	Env     *[]pair   `json:"env,omitempty"`
	URL     string    `json:"url,omitempty"`
	Headers *[]pair   `json:"headers,omitempty"`
}

// nativeServers writes the servers in the order of their names. The list is
// required, even empty (section 3).
func nativeServers(servers map[string]protocol.MCPServer) []nativeServer {
	list := make([]nativeServer, 0, len(servers))
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		s := servers[name]
		n := nativeServer{Name: name}
		if kind := s.Transport(); kind == "stdio" {
			args, env := append([]string{}, s.Args...), pairs(s.Env)
			n.Command, n.Args, n.Env = s.Command, &args, &env
		} else {
			headers := pairs(s.Headers)
			n.Type, n.URL, n.Headers = kind, s.URL, &headers
		}
		list = append(list, n)
	}
	return list
}

func pairs(values map[string]string) []pair {
	list := make([]pair, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, pair{name, values[name]})
	}
	return list
}

// missingTransport is a type of the session's servers that the agent does not
// take; every agent takes stdio.
func (t *translator) missingTransport() string {
	for _, s := range t.setup.MCP {
		switch kind := s.Transport(); {
		case kind == "http" && !t.agent.Capabilities.MCP.HTTP, kind == "sse" && !t.agent.Capabilities.MCP.SSE:
			return kind
		}
	}
	return ""
}

// checkServers refuses servers that no agent could use.
func checkServers(servers map[string]protocol.MCPServer) error {
	for name, s := range servers {
		kind := s.Transport()
		switch {
		case name == "":
			return protocol.Errorf(protocol.CodeInvalidRequest, "an MCP server needs a name")
		case kind != "stdio" && kind != "http" && kind != "sse":
			return protocol.Errorf(protocol.CodeInvalidRequest, "the MCP server %s has an unknown type; take stdio, http or sse", name)
		case kind == "stdio" && s.Command == "", kind != "stdio" && s.URL == "":
			return protocol.Errorf(protocol.CodeInvalidRequest, "the MCP server %s needs a command, or a url", name)
		}
	}
	return nil
}

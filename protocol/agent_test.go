package protocol

import "testing"

func TestMCPServerTransport(t *testing.T) {
	for want, s := range map[string]MCPServer{
		"stdio": {Command: "server"}, "http": {URL: "https://x"}, "sse": {Type: "sse", URL: "https://x"}, "other": {Type: "other", Command: "server"},
	} {
		if got := s.Transport(); got != want {
			t.Errorf("%+v: %s, want %s", s, got, want)
		}
	}
}

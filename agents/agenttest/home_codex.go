package agenttest

import (
	"os"
	"path/filepath"
)

// CodexHome makes a home whose Codex knows one provider, the model server at
// base. Its model is gpt-5.5, whose tools are called one by one. The test
// fails if base is not on loopback.
func CodexHome(t T, base string) *Home {
	t.Helper()
	h := bareHome(t, base)
	h.Vars["CODEX_HOME"], h.Vars["FAKE_API_KEY"] = h.Config, "fake-key"
	config := `model = "gpt-5.5"
model_provider = "fake"
model_reasoning_summary = "auto"
[model_providers.fake]
name = "Fake"
base_url = "` + base + `/v1"
wire_api = "responses"
env_key = "FAKE_API_KEY"
requires_openai_auth = false
request_max_retries = 1
stream_max_retries = 1
[analytics]
enabled = false
[feedback]
enabled = false
[otel]
exporter = "none"
metrics_exporter = "none"
trace_exporter = "none"
`
	if err := os.WriteFile(filepath.Join(h.Config, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return h
}

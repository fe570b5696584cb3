package agenttest

import (
	"os"
	"path/filepath"
)

// The versions of the agents over ACP that are tested and not installed on
// demand (package installed).
const (
	CodexACPVersion = "0.16.0"
	CopilotVersion  = "1.0.102"
)

// GeminiHome makes a home whose Gemini CLI speaks to the model server at base.
// The test fails if base is not on loopback.
func GeminiHome(t T, base string) *Home {
	t.Helper()
	h := bareHome(t, base)
	h.Vars["GOOGLE_GEMINI_BASE_URL"], h.Vars["GEMINI_API_KEY"] = base, "fake-key"
	h.settings(t, ".gemini", `{"security":{"auth":{"selectedType":"gemini-api-key"}},"general":{"disableAutoUpdate":true,"maxAttempts":2},`+
		`"privacy":{"usageStatisticsEnabled":false},"telemetry":{"enabled":false},"model":{"name":"gemini-2.5-pro"}}`)
	return h
}

// QwenHome makes a home whose Qwen Code speaks to the model server at base. It
// knows the models fake-two and fake-model (the default), which take images.
// The test fails if base is not on loopback.
func QwenHome(t T, base string) *Home {
	t.Helper()
	h := bareHome(t, base)
	h.Vars["OPENAI_BASE_URL"], h.Vars["OPENAI_API_KEY"], h.Vars["OPENAI_MODEL"] = base+"/v1", "fake-key", "fake-model"
	model := func(id string) string {
		return `{"id":"` + id + `","envKey":"OPENAI_API_KEY","baseUrl":"` + base + `/v1","generationConfig":{"modalities":{"image":true}}}`
	}
	h.settings(t, ".qwen", `{"security":{"auth":{"selectedType":"openai"}},"general":{"disableAutoUpdate":true},"privacy":{"usageStatisticsEnabled":false},`+
		`"modelProviders":{"openai":[`+model("fake-two")+`,`+model("fake-model")+`]}}`)
	return h
}

// CopilotHome makes a home whose Copilot CLI has the model server at base for
// its only model, for which it needs no login. The test fails if base is not on
// loopback.
func CopilotHome(t T, base string) *Home {
	t.Helper()
	h := bareHome(t, base)
	h.Vars["COPILOT_OFFLINE"], h.Vars["COPILOT_PROVIDER_BASE_URL"] = "true", base+"/v1"
	h.Vars["COPILOT_PROVIDER_API_KEY"], h.Vars["COPILOT_MODEL"] = "fake-key", "fake-model"
	h.Vars["HTTPS_PROXY"], h.Vars["NO_PROXY"] = "http://127.0.0.1:9", "127.0.0.1" // nobody is there
	return h
}

// bareHome makes a home that knows no model.
func bareHome(t T, base string) *Home {
	t.Helper()
	h := NewHome(t, base)
	for _, name := range []string{"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR"} {
		delete(h.Vars, name)
	}
	return h
}

// settings writes settings.json into a folder of the home.
func (h *Home) settings(t T, dir, text string) {
	t.Helper()
	dir = filepath.Join(h.Home, dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
}

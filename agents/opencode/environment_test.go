package opencode

import (
	"slices"
	"strings"
	"testing"
)

// Section 3: the server gets an environment of our making. A variable of the
// user's that would open it, or end it at its start, does not reach it.
func TestSection3Environment(t *testing.T) {
	f := newFolders(t.TempDir())
	got := f.environment([]string{
		"PATH=/bin", "HOME=/h", "ANTHROPIC_API_KEY=k", "TOWLINE_TOKEN=t", "OPENCODE_DISABLE_SHARE=", "OPENCODE_SERVER_USERNAME=me",
		"OPENCODE_PERMISSION={}", "OPENCODE_AUTH_CONTENT={}", "OPENCODE_DB=/db", "XDG_DATA_HOME=/data",
	}, "secret")
	for _, want := range []string{
		"PATH=/bin", "ANTHROPIC_API_KEY=k", "OPENCODE_SERVER_PASSWORD=secret", "OPENCODE_DISABLE_SHARE=1", "OPENCODE_DISABLE_AUTOUPDATE=1",
		"OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_LSP_DOWNLOAD=1", "OPENCODE_DISABLE_PROJECT_CONFIG=1", "XDG_DATA_HOME=" + f.data,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	for _, entry := range got {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "OPENCODE_") && value == "" || slices.Contains([]string{
			"TOWLINE_TOKEN", "OPENCODE_SERVER_USERNAME", "OPENCODE_PERMISSION", "OPENCODE_AUTH_CONTENT", "OPENCODE_DB",
		}, name) {
			t.Errorf("the server gets %s", entry)
		}
	}
}

package agents

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towline-dev/towline/protocol"
)

func TestA08_EnvironmentIsBuiltUp(t *testing.T) {
	server := []string{
		"PATH=/bin", "HOME=/home/u", "LC_ALL=C", "https_proxy=http://proxy", "XDG_CONFIG_HOME=/c",
		"TOWLINE_TOKEN=t", "TOWLINE_RUN=old", "DATABASE_URL=secret", "LD_PRELOAD=/x.so", "ANTHROPIC_API_KEY=k", "ANTHROPIC_MODEL=m", "broken",
	}
	for _, tt := range []struct {
		name string
		env  Environment
		want []string
	}{
		{
			"nothing asked for",
			Environment{},
			[]string{"HOME=/home/u", "LC_ALL=C", "PATH=/bin", "XDG_CONFIG_HOME=/c", "https_proxy=http://proxy"},
		},
		{
			"the agent's names",
			Environment{Pass: []string{"ANTHROPIC_*", "TOWLINE_*"}},
			[]string{"ANTHROPIC_API_KEY=k", "ANTHROPIC_MODEL=m", "HOME=/home/u", "LC_ALL=C", "PATH=/bin", "XDG_CONFIG_HOME=/c", "https_proxy=http://proxy"},
		},
		{
			"who wins",
			Environment{
				Pass: []string{"ANTHROPIC_MODEL"}, Session: map[string]string{"ANTHROPIC_MODEL": "client", "LC_ALL": "client"},
				Set: map[string]string{"LC_ALL": "agent"},
			},
			[]string{"ANTHROPIC_MODEL=client", "HOME=/home/u", "LC_ALL=agent", "PATH=/bin", "XDG_CONFIG_HOME=/c", "https_proxy=http://proxy"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.env.Build(server)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestB05_CheckEnv(t *testing.T) {
	for _, name := range []string{"CI", "ANTHROPIC_API_KEY", "A", "A" + strings.Repeat("_", 63), "ENVIRONMENT", "PATHS", "HOMEPAGE", "LDFLAGS"} {
		if err := CheckEnv(map[string]string{name: "a value = with ünicode"}); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "path", "1A", "_A", "A-B", "A B", "A=B", "Ä", "A\n", "A" + strings.Repeat("B", 64),
		"LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "ENV",
		"GIT_SSH_COMMAND", "PATH", "HOME", "HTTPS_PROXY", "ALL_PROXY", "SSH_AUTH_SOCK", "TOWLINE_SESSION", "TOWLINE_RUN", "IFS", "SSL_CERT_FILE",
	} {
		if err := CheckEnv(map[string]string{name: "x"}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("%q gave %v, want invalid_request", name, err)
		}
	}
	for _, value := range []string{"a\nb", "a\rb", "a\x00b", strings.Repeat("x", maxEnvValue+1)} {
		if err := CheckEnv(map[string]string{"NAME": value}); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
			t.Errorf("the value %.20q gave %v, want invalid_request", value, err)
		} else if strings.Contains(err.Error(), value) {
			t.Errorf("the error quotes the value: %v", err)
		}
	}
	many := make(map[string]string)
	for i := range maxEnvNames + 1 {
		many["A"+strings.Repeat("B", i%60)+string(rune('A'+i/60))] = ""
	}
	if err := CheckEnv(many); protocol.CodeOf(err) != protocol.CodeInvalidRequest {
		t.Errorf("%d variables gave %v, want invalid_request", len(many), err)
	}
}

func TestB05_CheckValue(t *testing.T) {
	for _, value := range []string{"", "opus", "claude-opus-5-5", "provider/model:tag[1m]", strings.Repeat("x", 256)} {
		if err := CheckValue("model", value); err != nil {
			t.Errorf("%q is refused: %v", value, err)
		}
	}
	for _, value := range []string{"--dangerously-skip-permissions", "-", "a\nb", "a\rb", "a\x00b", strings.Repeat("x", 257)} {
		if err := CheckValue("model", value); protocol.CodeOf(err) != protocol.CodeInvalidRequest || !strings.Contains(err.Error(), "model") {
			t.Errorf("%.40q gave %v, want invalid_request that names the option", value, err)
		}
	}
}

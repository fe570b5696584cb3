package agents

// ClaudeVersion is the version of the Claude Code CLI that is installed on
// demand, and whose recorded traffic the translator is tested with.
const ClaudeVersion = "2.1.330"

// claudePackages are the packages that hold nothing but the native binary
// (PROTOCOL.md section 1): no Node is needed to run it. The hashes
// are those of ClaudeVersion, so a registry cannot put another binary in its
// place.
var claudePackages = map[string]Package{
	"linux-x64": {
		Name: "@anthropic-ai/claude-code-linux-x64", File: "claude", Size: 175_385_311,
		Integrity: "sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ==",
	},
	"linux-arm64": {
		Name: "@anthropic-ai/claude-code-linux-arm64", File: "claude",
		Integrity: "sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA==",
	},
	"linux-x64-musl": {
		Name: "@anthropic-ai/claude-code-linux-x64-musl", File: "claude",
		Integrity: "sha512-OnduSSPY1b59FA8jTbq20Y1XkDUV0S1OVyvYBNslEbpX79P81JF7Ih4lgYvDKiFnnSv75z4Kv6qLE5DQqogYXA==",
	},
	"linux-arm64-musl": {
		Name: "@anthropic-ai/claude-code-linux-arm64-musl", File: "claude",
		Integrity: "sha512-NemfeTqZ30tQDhAeumZgDYoX4ewhAHkN3dbcsyvlgb+yvpKUlcYu5Bor8K+Du5azGe3uy9sftlJxbGhTsCR7zA==",
	},
	"darwin-x64": {
		Name: "@anthropic-ai/claude-code-darwin-x64", File: "claude",
		Integrity: "sha512-XenTNj2zXaFrnLmf47n25vChfFhlfeyaAR/vW5SFsEnLGwd2U1vDUY97+5etHBZu3xWBnlK8HhBVxzRi9YTUDw==",
	},
	"darwin-arm64": {
		Name: "@anthropic-ai/claude-code-darwin-arm64", File: "claude",
		Integrity: "sha512-rgzAjrRJJsIdZXGF9CCFFbURxKuJNobRr+krV3dNmqNJWIws74rLD0CABe4+nXlx/9WwRECTrveprWB96mubqw==",
	},
}

// ClaudeInstallation installs the pinned Claude Code CLI into dir, an agents
// folder.
func ClaudeInstallation(dir string) *Installation {
	return &Installation{Agent: "claude", Version: ClaudeVersion, Dir: dir, Platforms: claudePackages}
}

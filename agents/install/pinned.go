package install

import (
	"maps"

	"golang.org/x/sys/cpu"
)

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

// Claude installs the pinned Claude Code CLI into dir, an agents
// folder.
func Claude(dir string) *Program {
	return &Program{Agent: "claude", Version: ClaudeVersion, Dir: dir, Platforms: claudePackages}
}

// OpenCodeVersion is the version of the OpenCode CLI that is installed on
// demand, and whose recorded traffic the translator is tested with.
const OpenCodeVersion = "1.18.33"

// openCodePackages are the packages that hold nothing but the native binary
// (opencode PROTOCOL.md section 2): no Node is needed to run it. Where no hash
// stands here the package could not be had when the version was pinned, so that
// the registry must name one.
var openCodePackages = map[string]Package{
	"linux-x64": {
		Name: "opencode-linux-x64", File: openCodeFile, Size: 60_275_143,
		Integrity: "sha512-q/t/3p2CTxOT9y2kvjesb/LZab2+1eqlhhWA02Be6mjTtmYtNBcBsrI5yDo4Fw7ZSPBW2oyMIGMNRqiKQjiAWw==",
	},
	"linux-arm64":      {Name: "opencode-linux-arm64", File: openCodeFile},
	"linux-x64-musl":   {Name: "opencode-linux-x64-musl", File: openCodeFile},
	"linux-arm64-musl": {Name: "opencode-linux-arm64-musl", File: openCodeFile},
	"darwin-x64":       {Name: "opencode-darwin-x64", File: openCodeFile},
	"darwin-arm64":     {Name: "opencode-darwin-arm64", File: openCodeFile},
}

// openCodeBaseline are the packages for x64 processors without AVX2, on which
// the others die by an illegal instruction.
var openCodeBaseline = map[string]Package{
	"linux-x64": {
		Name: "opencode-linux-x64-baseline", File: openCodeFile,
		Integrity: "sha512-1KQGBiiDDeL/VHHbHkOvvFo8Jr97WT5+C1tear+p7IcDTnXgVHXqIjU4O4jM4mHQzykTP2i884FCnW5LDa+zCA==",
	},
	"linux-x64-musl": {Name: "opencode-linux-x64-baseline-musl", File: openCodeFile},
	"darwin-x64":     {Name: "opencode-darwin-x64-baseline", File: openCodeFile},
}

// openCodeFile is the executable's place in each of its packages.
const openCodeFile = "bin/opencode"

// OpenCode installs the pinned OpenCode CLI into dir, an agents
// folder.
func OpenCode(dir string) *Program {
	return &Program{Agent: "opencode", Version: OpenCodeVersion, Dir: dir, Platforms: openCodePlatforms(cpu.X86.HasAVX2)}
}

// openCodePlatforms returns the packages for a machine with or without AVX2.
func openCodePlatforms(avx2 bool) map[string]Package {
	platforms := maps.Clone(openCodePackages)
	if !avx2 {
		maps.Copy(platforms, openCodeBaseline)
	}
	return platforms
}

// CodexVersion is the version of the Codex CLI that is installed on demand,
// and whose recorded traffic the translator is tested with.
const CodexVersion = "0.169.0"

// codexPackages are the platform packages: all are versions of one package,
// with the platform in the version (codex/PROTOCOL.md section 1). What
// the executable needs beside it comes in the same package.
var codexPackages = map[string]Package{
	"linux-x64": {
		Name: "@openai/codex", Version: CodexVersion + "-linux-x64", File: "vendor/x86_64-unknown-linux-musl/bin/codex", Size: 167_000_000,
		Integrity: "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
	},
	"linux-arm64": {
		Name: "@openai/codex", Version: CodexVersion + "-linux-arm64", File: "vendor/aarch64-unknown-linux-musl/bin/codex",
		Integrity: "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
	},
	"darwin-x64": {
		Name: "@openai/codex", Version: CodexVersion + "-darwin-x64", File: "vendor/x86_64-apple-darwin/bin/codex",
		Integrity: "sha512-K1FKSsSLl9v3z5TeagBQXyQRDBIGB5Jncy5dxsRxwT3aaTqN3AI8VrCfoxBxKMOOU9O2QX1vg7WkBwNVth/s9A==",
	},
	"darwin-arm64": {
		Name: "@openai/codex", Version: CodexVersion + "-darwin-arm64", File: "vendor/aarch64-apple-darwin/bin/codex",
		Integrity: "sha512-5WsWFBbVP78D+6FvNo1MMVxLPZdmcoQlqVJFrF4qx/TmvneLnMQKtLyXkUo54XOTDfoYKpNouTJ/F7gTVA8FnQ==",
	},
}

// Codex installs the pinned Codex CLI into dir, an agents folder.
func Codex(dir string) *Program {
	return &Program{Agent: "codex", Version: CodexVersion, Dir: dir, Platforms: codexPackages}
}

// CodexFile is the executable's place inside this platform's package; just its
// name where no package is published for the platform.
func CodexFile() string {
	if p, err := Codex("").pkg(); err == nil {
		return p.File
	}
	return "codex"
}

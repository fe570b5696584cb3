package amp

import (
	"math"
	"strconv"
	"strings"

	"github.com/towline-dev/towline/agents/install"
	"github.com/towline-dev/towline/protocol"
)

// generation is one of the two ways in which the CLI works (section 1).
type generation int

const (
	// local is the CLI up to April 2026: its agent runs in the CLI.
	local generation = iota + 1
	// remote is the CLI since May 2026: its agent runs on Amp's servers, and
	// the CLI runs the tools.
	remote
)

// firstRemote is the time of the first remote version, 4 May 2026, in seconds
// since 1970. A version is 0.0. and such a time.
const firstRemote = 1_777_897_475

// firstImages is the time of the first version that was found to take images,
// 24 March 2026; that of 13 March does not. Before, an image ends the process.
const firstImages = 1_774_310_664

// readVersion takes the version off what --version prints.
func readVersion(line string) string {
	version, _, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(version, "0.0.") {
		return ""
	}
	return version
}

// builtAt is the time in a version; one that cannot be read is new.
func builtAt(version string) int64 {
	built, _, _ := strings.Cut(strings.TrimPrefix(version, "0.0."), "-")
	at, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return at
}

// generationOf tells a version's generation.
func generationOf(version string) generation {
	if builtAt(version) < firstRemote {
		return local
	}
	return remote
}

// textOnly tells whether a version takes no images.
func textOnly(version string) bool { return builtAt(version) < firstImages }

// capabilitiesOf says what a version does.
func capabilitiesOf(version string) protocol.Capabilities {
	c := generationOf(version).capabilities()
	c.Images = c.Images && !textOnly(version)
	return c
}

// capabilities says what is proven: of the first generation by tests with the
// real CLI of 27 April 2026, of the second what its --help promises together
// with the first. Output is never streamed: a message appears when it is whole
// (section 3).
func (g generation) capabilities() protocol.Capabilities {
	both := protocol.Capabilities{Reasoning: true, ToolCalls: true, Resume: true, Usage: true}
	if g == remote {
		return both
	}
	both.Diffs, both.CommandOutput = true, true
	both.Permissions, both.DenyMessage, both.Always = true, true, true
	both.Images, both.Files = true, true
	both.Interrupt, both.Steer, both.MCP = true, true, true
	return both
}

// unproven is what users of the second generation are told.
const unproven = "this Amp CLI runs its agent on Amp's servers, which is not proven with Towline; whether it asks before it acts depends on it"

// remoteFailure is the error of a CLI of the second generation that did not
// start: without its service it says nothing that helps (section 1).
func remoteFailure(err error, version string) error {
	e := protocol.AsError(err)
	return &protocol.Error{
		Code: e.Code, Details: e.Details,
		Message: "Amp " + version + " runs its agent on Amp's servers and did not start; let it reach them and log in with amp login, or install " +
			install.AmpVersion + ", which runs here, by: towline agents install amp. It said: " + e.Message,
	}
}

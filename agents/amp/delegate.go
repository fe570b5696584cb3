package amp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/towline-dev/towline/agents"
)

// DelegateName is the name of the program that Amp runs to ask: a link to the
// server's own executable, which goes by the name that it was called by. Amp
// passes a delegate no arguments (section 5).
const DelegateName = "towline-delegate"

// The variables by which a delegate finds its connection. Whoever reads them
// can ask for the session, and nothing else.
const (
	variableSocket     = "TOWLINE_AMP_SOCKET"
	variableCapability = "TOWLINE_AMP_CAPABILITY"
)

// The exit codes by which a delegate answers. 1 would make Amp ask by itself,
// on which it hangs or ends (section 5).
const (
	exitAllow = 0
	exitDeny  = 2
)

// errNoAnswer tells a connection that closed without an answer.
var errNoAnswer = errors.New("the approval was withdrawn")

// Delegate asks the server for one tool call and returns the exit code that
// tells Amp the answer: the tool's input is on in, the rest in the
// environment. What is written to errs is what the model reads of a denial.
// Whatever goes wrong is a denial. It returns when there is an answer, or when
// the server is gone.
func Delegate(environ []string, in io.Reader, errs io.Writer) int {
	a, err := askServer(environ, in)
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(errs, "Nobody allowed this: %v.\n", err) // nobody is left to tell
	case !a.Allow:
		_, _ = fmt.Fprintln(errs, a.Message) // as above
	default:
		return exitAllow
	}
	return exitDeny
}

// askServer asks and waits.
func askServer(environ []string, in io.Reader) (bridgeAnswer, error) {
	input, err := io.ReadAll(io.LimitReader(in, maxRequest/2))
	if err != nil || !json.Valid(input) {
		return bridgeAnswer{}, errors.New("the tool's input could not be read")
	}
	socket := agents.Variable(environ, variableSocket)
	if socket == "" {
		return bridgeAnswer{}, errors.New("this program was not started by Amp under Towline")
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return bridgeAnswer{}, errors.New("the server is not there")
	}
	defer func() { _ = c.Close() }()
	line := encode(bridgeRequest{
		Capability: agents.Variable(environ, variableCapability), Thread: agents.Variable(environ, "AMP_THREAD_ID"),
		Tool: agents.Variable(environ, "AGENT_TOOL_NAME"), ToolUseID: agents.Variable(environ, "AGENT_TOOL_USE_ID"), Input: input,
	})
	if _, err := c.Write(append(line, '\n')); err != nil {
		return bridgeAnswer{}, errors.New("the server did not listen")
	}
	said, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	var a bridgeAnswer
	if err != nil || json.Unmarshal(said, &a) != nil {
		return bridgeAnswer{}, errNoAnswer
	}
	return a, nil
}

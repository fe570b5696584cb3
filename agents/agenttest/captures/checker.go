package captures

import (
	"fmt"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// Checker follows the commands and events of one native session. It is for one
// goroutine.
type Checker struct {
	report func(fault)
	turn   turnState
	ended  int
	// now is the turn and the process that ids are of.
	now   place
	items map[string]place
	asks  map[string]place
	open  map[string]*openItem
	waits map[string]bool
}

// fault is one violation.
type fault struct {
	rule Rule
	text string
}

// turnState is how far a turn is.
type turnState int

const (
	turnNone turnState = iota
	// turnSent is a turn whose prompt was sent.
	turnSent
	turnReported
)

// place says where an id was used.
type place struct{ turn, process int }

func newChecker(report func(fault)) *Checker {
	return &Checker{
		report: report, now: place{turn: 1, process: 1}, items: map[string]place{}, asks: map[string]place{},
		open: map[string]*openItem{}, waits: map[string]bool{},
	}
}

func (c *Checker) faultf(rule Rule, format string, args ...any) {
	c.report(fault{rule, fmt.Sprintf(format, args...)})
}

// Sent takes a command that the agent got.
func (c *Checker) Sent(cmd agents.Command) {
	switch cmd := cmd.(type) {
	case *agents.Prompt:
		if cmd.Steer != (c.turn != turnNone) {
			c.faultf(PromptsFit, "prompt %s: steer is %t", cmd.PromptID, cmd.Steer)
		}
		if c.turn == turnNone {
			c.turn = turnSent
		}
	case *agents.Decide:
		c.resolved(cmd.PermissionID)
	case *agents.Answer:
		c.resolved(cmd.QuestionID)
	case *agents.RejectQuestion:
		c.resolved(cmd.QuestionID)
	}
}

// See takes the next event.
func (c *Checker) See(d protocol.Data) {
	switch d := d.(type) {
	case *protocol.TurnStarted:
		if c.turn == turnReported || c.turn == turnSent && len(d.PromptIDs) == 0 {
			c.faultf(TurnsAlternate, "a turn of the prompts %v started while one was open", d.PromptIDs)
		}
		c.turn = turnReported
	case *protocol.TurnEnded:
		c.turnEnded()
	case *protocol.AgentExited:
		c.exit()
	case *protocol.ItemStarted:
		c.started(d.Item)
	case *protocol.ItemDelta:
		c.delta(d)
	case *protocol.ItemCompleted:
		c.completed(d.Item)
	case *protocol.PermissionRequested:
		c.permission(d.Permission)
	case *protocol.QuestionRequested:
		c.ask(d.Question.QuestionID, d.Question.ItemID)
	case *protocol.PermissionResolved:
		c.resolved(d.PermissionID)
	case *protocol.QuestionResolved:
		c.resolved(d.QuestionID)
	case *protocol.AgentUnparsed:
		c.faultf(FramesAreRead, "%s: %s", d.Error, d.Sample)
	}
}

// turnEnded closes a turn. Its asks end with it; an item that goes on may
// still complete.
func (c *Checker) turnEnded() {
	switch c.turn {
	case turnNone:
		c.faultf(TurnsAlternate, "a turn ended while none was open")
	case turnSent:
		c.faultf(TurnsAreReported, "a turn ended that was not told to have started")
	case turnReported:
	}
	for id := range c.open {
		c.faultf(ItemsEndInTurn, "%s is open", id)
	}
	for id := range c.waits {
		c.faultf(AsksEndInTurn, "%s waits", id)
	}
	clear(c.waits)
	c.turn = turnNone
	c.ended++
	c.now.turn++
}

// exit closes everything, as the session does.
func (c *Checker) exit() {
	if c.turn != turnNone {
		c.faultf(TurnsEnd, "a turn was left open")
	}
	for id := range c.open {
		c.faultf(ItemsEnd, "%s was left open", id)
	}
	for id := range c.waits {
		c.faultf(AsksEnd, "%s was left waiting", id)
	}
	clear(c.open)
	clear(c.waits)
	c.turn = turnNone
	c.now.process++
}

// follow takes the steps of a whole recording.
func (c *Checker) follow(steps []Step) {
	for _, s := range steps {
		if s.Command != nil {
			c.Sent(s.Command)
		} else {
			c.See(s.Event)
		}
	}
	c.exit()
	if c.ended == 0 {
		c.faultf(SomeTurnEnds, "none ended")
	}
}

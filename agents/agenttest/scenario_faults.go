package agenttest

import (
	"net/http"

	"github.com/towline-dev/towline/protocol"
)

// failing is a script whose first round fails, and one for the turn after it.
func failing(f Failure) map[string][]Round {
	return map[string][]Round{
		"main": {{Blocks: []Block{Say("It worked after all.")}, Fail: &f}},
		"next": {Play(Say("The next turn."))},
	}
}

// faultScenarios are turns whose model fails. They prove no capability: every
// agent must end such a turn, say so, and take the next prompt.
func faultScenarios() []Scenario {
	done, failed := protocol.OutcomeCompleted, protocol.OutcomeFailed
	fails := func(name string, status int) Scenario {
		return Scenario{
			Name: name, Scripts: failing(Failure{Status: status}),
			Steps: []Step{prompt("main"), awaitEnd(failed), prompt("next"), awaitEnd(done)},
			Wants: []Want{
				{protocol.TypeTurnEnded, map[string]string{"outcome": "failed", "error.message": "?"}},
				said("The next turn."), ended(done),
			},
			Never: []Want{said("It worked after all.")},
		}
	}
	recovers := func(name string, f Failure) Scenario {
		return Scenario{
			Name: name, Scripts: failing(f),
			Steps: []Step{prompt("main"), awaitEnd(done)},
			Wants: []Want{said("It worked after all."), ended(done)},
			Never: []Want{ended(failed)},
		}
	}
	return []Scenario{
		fails("model_wrong_key", http.StatusUnauthorized),
		fails("model_bad_request", http.StatusBadRequest),
		fails("model_broken", http.StatusInternalServerError),
		recovers("model_overloaded", Failure{Status: http.StatusServiceUnavailable, Times: 1}),
		recovers("model_rate_limited", Failure{Status: http.StatusTooManyRequests, Times: 1}),
		recovers("model_cut", Failure{Cut: true, Times: 1}),
	}
}

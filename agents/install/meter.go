package install

import "github.com/towline-dev/towline/protocol"

// meterStep is how many bytes pass between two reports when the total is not
// known; else it is a hundredth of the total.
const meterStep = 4 << 20

// meter reports the progress of one phase, at most about a hundred times.
// It is an io.Writer that counts.
type meter struct {
	phase      string
	total      int64
	report     func(protocol.InstallProgress)
	done, told int64
}

// newMeter begins a phase with a report of nothing done. total may be 0.
func newMeter(phase string, total int64, report func(protocol.InstallProgress)) *meter {
	report(protocol.InstallProgress{Phase: phase, Total: total})
	return &meter{phase: phase, total: total, report: report}
}

// Write counts p.
func (m *meter) Write(p []byte) (int, error) {
	m.reach(m.done + int64(len(p)))
	return len(p), nil
}

// reach sets how much is done; it never goes back.
func (m *meter) reach(done int64) {
	step := int64(meterStep)
	if m.total > 0 {
		step = m.total/100 + 1
	}
	m.done = max(m.done, done)
	if m.done-m.told >= step {
		m.tell()
	}
}

// finish reports the end of the phase.
func (m *meter) finish() {
	m.total = m.done
	m.tell()
}

func (m *meter) tell() {
	m.told = m.done
	m.report(protocol.InstallProgress{Phase: m.phase, Done: m.done, Total: m.total})
}

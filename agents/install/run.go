package install

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/towline-dev/towline/protocol"
)

// run is one installation under way, shared by all who asked for it.
type run struct {
	cancel context.CancelFunc
	// done is closed after err is set.
	done chan struct{}
	err  error
	// waiting is the number of callers; Program.mu guards it.
	waiting int

	mu sync.Mutex
	// steps are all reports so far; there are a few hundred at most.
	steps []protocol.InstallProgress
	// more is closed, and replaced, when a step is added.
	more chan struct{}
}

// join starts a run, or takes part in the one under way.
func (i *Program) join(p Package) *run {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.run == nil || i.run.over() {
		ctx, cancel := context.WithCancel(context.Background())
		run := &run{cancel: cancel, done: make(chan struct{}), more: make(chan struct{})}
		i.run = run
		go func() {
			defer close(run.done)
			run.err = i.install(ctx, p, run.report)
		}()
	}
	i.run.waiting++
	return i.run
}

// leave ends a caller's part. The last one stops the run and waits for it, so
// no run outlives its callers.
func (i *Program) leave(run *run) {
	i.mu.Lock()
	defer i.mu.Unlock()
	run.waiting--
	if run.waiting > 0 {
		return
	}
	run.cancel()
	<-run.done
	if i.run == run {
		i.run = nil
	}
}

// over tells whether the run has ended.
func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// report adds a step.
func (r *run) report(p protocol.InstallProgress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, p)
	close(r.more)
	r.more = make(chan struct{})
}

// after returns the steps from n on, and a channel that closes when there are
// more.
func (r *run) after(n int) ([]protocol.InstallProgress, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.steps[n:], r.more
}

// follow hands all steps to progress and returns the run's outcome.
func (r *run) follow(ctx context.Context, progress func(protocol.InstallProgress)) error {
	told := 0
	tell := func() <-chan struct{} {
		steps, more := r.after(told)
		for _, s := range steps {
			progress(s)
		}
		told += len(steps)
		return more
	}
	for {
		more := tell()
		select {
		case <-more:
		case <-r.done:
			tell()
			return r.err
		case <-ctx.Done():
			err := protocol.Errorf(protocol.CodeInstallFailed, "the installation was given up before it ended; start it again")
			progress(protocol.InstallProgress{Phase: "failed", Error: err})
			return err
		}
	}
}

// install is the whole of a run. Every error is a *protocol.Error.
func (i *Program) install(ctx context.Context, p Package, report func(protocol.InstallProgress)) error {
	err := i.locked(ctx, func() error {
		if _, ok := i.Installed(); ok {
			return nil // another process was faster
		}
		return i.bring(ctx, p, report)
	})
	if err != nil {
		known := i.explain(p, err)
		report(protocol.InstallProgress{Phase: "failed", Error: known})
		return known
	}
	report(protocol.InstallProgress{Phase: "done", Message: i.path(p)})
	return nil
}

// bring downloads, checks and unpacks a package in a temporary folder and
// renames it into place. The caller holds the lock. The temporary folder lies
// beside its target, so the rename stays in one file system.
func (i *Program) bring(ctx context.Context, p Package, report func(protocol.InstallProgress)) error {
	tmp, err := os.MkdirTemp(i.home(), tempPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if i.Node != nil {
		return i.bringTree(ctx, p, tmp, report)
	}

	tarball, integrity, err := i.download(ctx, p, tmp, report)
	if err != nil {
		return err
	}
	report(protocol.InstallProgress{Phase: "verify"})
	if err := verifyTarball(ctx, tarball, integrity); err != nil {
		return err
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := i.limits.unpack(ctx, tarball, unpacked, p.File, report); err != nil {
		return err
	}
	if i.atUnpacked != nil {
		i.atUnpacked()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return i.place(tmp, unpacked)
}

// place renames the unpacked folder into place. A folder of that version that
// lacks the executable (else there were nothing to install) makes room.
func (i *Program) place(tmp, unpacked string) error {
	err := os.Rename(i.folder(), filepath.Join(tmp, "replaced"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(unpacked, i.folder()); err != nil {
		return err
	}
	return syncFolder(i.home())
}

// download brings the tarball into tmp, by npm where it is on PATH, and
// returns its path and the integrity that it must have.
func (i *Program) download(ctx context.Context, p Package, tmp string, report func(protocol.InstallProgress)) (tarball, integrity string, err error) {
	report(protocol.InstallProgress{Phase: "resolve", Message: p.spec()})
	if npm, ok := findNPM(); ok {
		n := npmRun{npm: npm, tmp: tmp, pkg: p, report: report}
		return n.download(ctx)
	}
	return downloadFromRegistry(ctx, p, tmp, report)
}

package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/towline-dev/towline/session/store"
	"golang.org/x/sys/unix"
)

// noSync spares tests that open thousands of stores the disk.
func noSync(*os.File) error { return nil }

// head returns the session's head after checking that all events up to it are
// there and unchanged.
func head(t *testing.T, s *Store, event []byte) uint64 {
	t.Helper()
	v, err := s.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	for after := uint64(0); after < v.Head; {
		page, err := s.Chunks(t.Context(), "s1", after, 1<<20, false)
		if err != nil || len(page) == 0 || page[0].First != after+1 {
			t.Fatalf("after %d of %d: %d chunks, %v", after, v.Head, len(page), err)
		}
		for _, c := range page {
			if !bytes.Equal(c.Events, event) {
				t.Fatalf("chunk %d has other events", c.First)
			}
		}
		after = page[len(page)-1].Last
	}
	return v.Head
}

// A WAL that ends anywhere gives exactly the commits that are whole in it.
// Around the ends of its frames every length is tried, elsewhere some.
func TestD04_TruncatedLog(t *testing.T) {
	const commits, frame = 4, 24 + pageSize
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	sizes := []int64{fileSize(t, path+"-wal")}
	for i := range uint64(commits) {
		fill(t, s, "s1", i+1, 1, 1)
		drain(t, s)
		sizes = append(sizes, fileSize(t, path+"-wal"))
	}
	copied := crash(t, path)
	cut := filepath.Join(t.TempDir(), "towline.db")
	for n := sizes[2]; n <= sizes[commits]; n++ {
		if at := (n - 32) % frame; at > 30 && at < frame-4 && at%239 != 0 {
			continue
		}
		want := uint64(0)
		for want < commits && sizes[want+1] <= n {
			want++
		}
		copyFile(t, copied, cut, -1)
		copyFile(t, copied+"-wal", cut+"-wal", n)
		again, err := Open(t.Context(), Options{Path: cut, sync: noSync})
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if got := head(t, again, benchEvents(1)); got != want {
			t.Errorf("cut at %d of %d: head %d, want %d", n, sizes[commits], got, want)
		}
		fill(t, again, "s1", want+1, 1, 1)
		if err := again.Close(); err != nil {
			t.Fatalf("cut at %d: Close: %v", n, err)
		}
	}
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Whatever bit of the file flips, an event is served as it was or not at all.
func TestD05_BitFlips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	s := withSession(t, open(t, path))
	fill(t, s, "s1", 1, 200, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	flipped := filepath.Join(t.TempDir(), "towline.db")
	detected, flips := 0, 2000
	if testing.Short() { // as with -race, which makes SQLite 20 times slower
		flips = 100
	}
	for range flips {
		bit := rnd.IntN(len(good) * 8)
		good[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(flipped, good, 0o600); err != nil {
			t.Fatal(err)
		}
		good[bit/8] ^= 1 << (bit % 8)
		if !readFlipped(t, flipped, fmt.Sprintf("seed %d, bit %d", seed, bit)) {
			detected++
		}
	}
	t.Logf("%d of %d flips were detected, the others harmless", detected, flips)
	if detected < flips/4 {
		t.Errorf("only %d of %d flips were detected", detected, flips)
	}
}

// readFlipped reads everything of a damaged file, and tells whether no damage
// shows.
func readFlipped(t *testing.T, path, what string) bool {
	s := &Store{path: path}
	defer func() {
		if s.readers != nil {
			s.read.close()
			s.readers.Close()
		}
	}()
	if s.openReaders(t.Context(), 1) != nil {
		return false
	}
	v, err := s.Session(t.Context(), "s1")
	if err != nil {
		return false
	}
	event := benchEvents(1)
	if v.Head != 200 {
		t.Errorf("%s: head %d", what, v.Head)
	}
	for after := uint64(0); after < v.Head; {
		page, err := s.Chunks(t.Context(), "s1", after, 1<<20, false)
		if err != nil {
			return false
		}
		if len(page) == 0 {
			t.Errorf("%s: nothing after %d, and no error", what, after)
			return true
		}
		for _, c := range page {
			if c.First != after+1 || c.Last != c.First || !bytes.Equal(c.Events, event) {
				t.Errorf("%s: a changed chunk %d-%d after %d", what, c.First, c.Last, after)
			}
			after = c.Last
		}
	}
	return true
}

// childTask is the environment variable that makes this test binary a child.
const childTask = "TOWLINE_STORE_TEST_CHILD"

// child returns a command that runs one of childTasks on a store.
func child(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	c.Env = append(os.Environ(), childTask+"="+task, "TOWLINE_STORE_TEST_PATH="+path)
	c.Stderr = os.Stderr
	return c
}

// TestChild is not a test of its own: other tests run it in a child process.
func TestChild(t *testing.T) {
	path := os.Getenv("TOWLINE_STORE_TEST_PATH")
	switch task := os.Getenv(childTask); task {
	case "":
		return
	case "commit":
		commitUntilKilled(t, path)
	case "full":
		commitUntilFull(t, path)
	default:
		t.Fatalf("unknown task %q", task)
	}
}

// commitUntilKilled prints each head that was committed.
func commitUntilKilled(t *testing.T, path string) {
	s, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Session(context.Background(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	for seq := v.Head + 1; ; seq++ {
		err := s.Commit(context.Background(), &store.Batch{
			Chunks:  []store.Chunk{{SessionID: "s1", First: seq, Last: seq, Events: benchEvents(1)}},
			Durable: seq%64 == 0,
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(seq)
	}
}

func TestD01_SIGKILL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	if err := withSession(t, open(t, path)).Close(); err != nil {
		t.Fatal(err)
	}
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		c := child(t, "commit", path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged, lines := uint64(0), bufio.NewScanner(out)
		kill := 1 + rand.IntN(800)
		for n := 0; lines.Scan(); n++ {
			if v, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				acknowledged = v
			}
			if n == kill {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = c.Wait() // says that it was killed
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := head(t, s, benchEvents(1)); got < acknowledged || acknowledged == 0 {
			t.Errorf("round %d: head %d, acknowledged %d", round, got, acknowledged)
		}
		if v, err := s.Session(t.Context(), "s1"); err != nil || v.Epoch != "e1" {
			t.Errorf("round %d: epoch %q, %v", round, v.Epoch, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// commitUntilFull runs against a limit on file sizes, which a process may
// lower and raise for itself.
func commitUntilFull(t *testing.T, path string) {
	s, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	withSession(t, s)
	limitFiles(t, 1<<20)
	seq := uint64(1)
	one := func() error {
		return s.Commit(t.Context(), &store.Batch{
			Chunks:  []store.Chunk{{SessionID: "s1", First: seq, Last: seq, Events: benchEvents(1)}},
			Durable: seq%7 == 0,
		})
	}
	for ; err == nil && seq < 10_000; seq++ {
		err = one()
	}
	seq--
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("commit %d: %v, want ErrFull", seq, err)
	}
	for range 3 {
		if err := one(); !errors.Is(err, store.ErrFull) {
			t.Fatalf("commit %d again: %v, want ErrFull", seq, err)
		}
		if got := head(t, s, benchEvents(1)); got != seq-1 {
			t.Fatalf("head %d after a full disk, want %d", got, seq-1)
		}
	}
	limitFiles(t, unix.RLIM_INFINITY)
	if got := head(t, open(t, crash(t, path)), benchEvents(1)); got != seq-1 {
		t.Fatalf("head %d if it were killed now, want %d", got, seq-1)
	}
	for range 1000 {
		if err := one(); err != nil {
			t.Fatalf("commit %d with space again: %v", seq, err)
		}
		seq++
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// limitFiles sets the size that files may reach.
func limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(bytes, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
}

func TestD06_FullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "towline.db")
	out, err := child(t, "full", path).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := head(t, open(t, path), benchEvents(1)); got < 1000 {
		t.Errorf("head %d", got)
	}
}

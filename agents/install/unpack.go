package install

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// unpackLimits bound what a package may become on disk.
type unpackLimits struct {
	// bytes is the most that all files may hold together.
	bytes int64
	// ratio is how many times the tarball's size that may be, beyond the
	// first MiB.
	ratio int64
	// entries is the most files and folders.
	entries int
}

// defaultLimits: a real package has 400 MB, 2.5 times its tarball, and fewer
// than 50 files.
var defaultLimits = unpackLimits{bytes: 2 << 30, ratio: 50, entries: 20_000}

// verifyTarball checks a tarball against the integrity that was pinned or that the
// registry named: one or more hashes, of which the sha512 counts.
func verifyTarball(ctx context.Context, tarball, integrity string) error {
	var want []byte
	for hash := range strings.FieldsSeq(integrity) {
		if rest, ok := strings.CutPrefix(hash, "sha512-"); ok {
			rest, _, _ = strings.Cut(rest, "?")
			want, _ = base64.StdEncoding.DecodeString(rest)
		}
	}
	if len(want) != sha512.Size {
		return errNoIntegrity
	}
	file, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	hash := sha512.New()
	if _, err := io.Copy(hash, untilDone{ctx, file}); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hash.Sum(nil), want) != 1 {
		return errIntegrity
	}
	return nil
}

// unpack writes the files of a package into the new folder target, without
// the folder that all of them lie in (package/ as a rule), and syncs them. The
// file named executable must be among them. A package that holds anything but
// files and folders, or a name that leads out of it, is refused whole.
func (l unpackLimits) unpack(ctx context.Context, tarball, target, executable string, report func(protocol.InstallProgress)) error {
	if l == (unpackLimits{}) {
		l = defaultLimits
	}
	file, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	unzipped, err := gzip.NewReader(untilDone{ctx, file})
	if err != nil {
		return malformed(ctx, err)
	}
	if err := os.Mkdir(target, 0o755); err != nil { //nolint:gosec // agents may run as another user
		return err
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := unpacking{root: root, executable: executable, folders: map[string]bool{".": true}, left: l.entries}
	u.bytes = min(l.bytes, l.ratio*info.Size()+1<<20)
	u.meter = newMeter("unpack", 0, report)
	if err := u.all(ctx, tar.NewReader(unzipped)); err != nil {
		return err
	}
	u.meter.finish()
	return u.sync(target)
}

// unpacking is one package on its way to disk.
type unpacking struct {
	root       *os.Root
	executable string
	// folders are those made so far.
	folders map[string]bool
	// bytes and left are how much, and how many entries, may still come.
	bytes int64
	left  int
	found bool
	meter *meter
}

// all takes the entries one after another.
func (u *unpacking) all(ctx context.Context, archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return malformed(ctx, err)
		}
		if u.left--; u.left < 0 {
			return fmt.Errorf("%w: it holds too many files", errPackage)
		}
		if err := u.entry(ctx, header, archive); err != nil {
			return err
		}
	}
	if !u.found {
		return fmt.Errorf("%w: it does not hold %s", errPackage, u.executable)
	}
	return nil
}

// entry takes one file or folder.
func (u *unpacking) entry(ctx context.Context, header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil // a comment of the packer
	}
	name, err := innerName(header.Name)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return u.folder(name)
	case tar.TypeReg:
		return u.file(ctx, name, header, content)
	}
	return fmt.Errorf("%w: %q is neither a file nor a folder", errPackage, header.Name)
}

// innerName is an entry's name without its first folder.
func innerName(name string) (string, error) {
	_, inner, _ := strings.Cut(strings.TrimSuffix(name, "/"), "/")
	if inner == "" && !strings.HasSuffix(name, "/") {
		return "", fmt.Errorf("%w: %q lies outside of its folder", errPackage, name)
	}
	if inner == "" {
		inner = "."
	}
	if strings.HasPrefix(name, "..") || strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\\\x00") || !filepath.IsLocal(inner) || path.Clean(inner) != inner {
		return "", fmt.Errorf("%w: the name %q leads out of it", errPackage, name)
	}
	return inner, nil
}

// folder makes a folder and those above it.
func (u *unpacking) folder(name string) error {
	if u.folders[name] {
		return nil
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := u.root.Mkdir(name, 0o755); err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	u.folders[name] = true
	return nil
}

// file writes and syncs one file.
func (u *unpacking) file(ctx context.Context, name string, header *tar.Header, content io.Reader) error {
	if u.bytes -= header.Size; u.bytes < 0 {
		return fmt.Errorf("%w: it unpacks to more than is allowed", errPackage)
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if name == u.executable || header.Mode&0o111 != 0 {
		mode = 0o755
	}
	file, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: it holds %q twice", errPackage, name)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	// The process's umask shall not decide who can run an agent.
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if _, err := io.Copy(io.MultiWriter(file, u.meter), content); err != nil {
		return malformed(ctx, err)
	}
	if name == u.executable {
		u.found = true
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// sync makes the folders durable; the files are already.
func (u *unpacking) sync(target string) error {
	for name := range u.folders {
		if err := syncFolder(filepath.Join(target, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder makes the entries of a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// malformed blames the package for an error of reading it, unless it was the
// disk or the end of ctx.
func malformed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", errPackage, err)
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context //nolint:containedctx // io.Reader has no room for one
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

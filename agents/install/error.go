package install

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"syscall"

	"github.com/towline-dev/towline/protocol"
)

// Causes of a failed installation.
var (
	errNotFound    = errors.New("the registry has no such package")
	errNoNPM       = errors.New("no npm")
	errNoRegistry  = errors.New("no npm and no registry")
	errInsecure    = errors.New("the registry is not reached over https")
	errLogin       = errors.New("the registry wants a login")
	errNoIntegrity = errors.New("the registry names no sha512")
	errIntegrity   = errors.New("the tarball's hash is wrong")
	errStalled     = errors.New("the download stalled")
	errPackage     = errors.New("the package is malformed")
)

// npmCauses maps npm's error codes to causes.
var npmCauses = map[string]error{
	"E404": errNotFound, "ETARGET": errNotFound, "ENOVERSIONS": errNotFound,
	"E401": errLogin, "E403": errLogin, "ENEEDAUTH": errLogin,
	"EINTEGRITY": errIntegrity,
	"ENOSPC":     syscall.ENOSPC, "EDQUOT": syscall.EDQUOT,
	"ENOTFOUND": errStalled, "EAI_AGAIN": errStalled, "ECONNREFUSED": errStalled, "ECONNRESET": errStalled,
	"ETIMEDOUT": errStalled, "ERR_SOCKET_TIMEOUT": errStalled, "EPIPE": errStalled,
}

// explain says in one sentence what failed and what to do.
func (i *Program) explain(p Package, err error) *protocol.Error {
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if npm, ok := errors.AsType[*npmError](err); ok {
		cause, ok := npmCauses[npm.code]
		if !ok {
			return failed("npm could not fetch %s (%s); run npm pack %s to see why", p.spec(), npm.code, p.spec())
		}
		err = cause
	}
	switch {
	case errors.Is(err, context.Canceled):
		return failed("the installation was given up before it ended; start it again")
	case errors.Is(err, errNotFound):
		return failed("the registry has no %s; check the registry that npm is configured for", p.spec())
	case errors.Is(err, errNoNPM):
		return failed("%s is a program for Node, and npm is not on PATH; install Node 20 or newer with npm, and install again", i.Agent)
	case errors.Is(err, errNoRegistry):
		return failed("npm is not on PATH and no package registry is configured; install npm, or set NPM_CONFIG_REGISTRY to your registry's https address")
	case errors.Is(err, errInsecure):
		return failed("the configured registry does not use https; set NPM_CONFIG_REGISTRY to an https address")
	case errors.Is(err, errLogin):
		return failed("the registry refuses to hand out %s without a login; log in with npm and install again", p.spec())
	case errors.Is(err, errNoIntegrity):
		return failed("the registry names no sha512 for %s, so it cannot be checked; use another registry", p.spec())
	case errors.Is(err, errIntegrity):
		return failed("the hash of the downloaded %s is not the expected one, so it was thrown away; try again, and check the registry if it stays so", p.spec())
	case errors.Is(err, errPackage):
		return failed("%s is not a package that can be installed (%s); report this with the version", p.spec(), err)
	case noSpace(err):
		return failed("there is no space left for %s, which needs about 600 MB in %s; free some, or choose another folder with --agents-dir", i.Agent, i.Dir)
	case errors.Is(err, fs.ErrPermission):
		return failed("the folder %s cannot be written; choose another with --agents-dir", i.Dir)
	case network(err):
		return failed("the registry could not be reached or broke off while sending %s; check the network and try again", p.spec())
	}
	return failed("%s could not be installed because of an error of the file system or the registry; details.cause names it", i.Agent).
		WithDetails(map[string]string{"cause": err.Error()})
}

// noSpace tells whether the disk, a quota or a limit on file sizes is full.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// network tells whether err came from a connection.
func network(err error) bool {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, errStalled)
}

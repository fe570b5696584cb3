package install

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/towline-dev/towline/protocol"
)

const (
	// maxMetadata is how large a package's document may be, in bytes.
	maxMetadata = 64 << 20
	// maxTarball is how large a tarball may be, in bytes.
	maxTarball = 1 << 30
	// maxSilence is how long a registry may send nothing.
	maxSilence = 60 * time.Second
)

// downloadFromRegistry fetches the tarball without npm: the package's document
// names the tarball's address and hash. It returns the tarball's path in tmp
// and the integrity that it must have.
func downloadFromRegistry(ctx context.Context, p Package, tmp string, report func(protocol.InstallProgress)) (tarball, integrity string, err error) {
	base, err := configuredRegistry(p.Name)
	if err != nil {
		return "", "", err
	}
	client := registryClient()
	defer client.CloseIdleConnections()

	dist, err := resolveDist(ctx, client, base, p)
	if err != nil {
		return "", "", err
	}
	if p.Integrity != "" {
		dist.Integrity = p.Integrity
	}
	tarball = filepath.Join(tmp, "package.tgz")
	return tarball, dist.Integrity, fetchTarball(ctx, client, dist.Tarball, tarball, p.Size, report)
}

// registryDist is where a version's tarball is, and its hash.
type registryDist struct {
	Tarball   string `json:"tarball"`
	Integrity string `json:"integrity"`
}

// resolveDist reads the package's document.
func resolveDist(ctx context.Context, client *http.Client, base *url.URL, p Package) (registryDist, error) {
	// The slash of a scoped name is escaped, as all registries know it.
	address := strings.TrimSuffix(base.String(), "/") + "/" + strings.ReplaceAll(p.Name, "/", "%2f")
	var doc struct {
		Versions map[string]struct {
			Dist registryDist `json:"dist"`
		} `json:"versions"`
	}
	err := httpGet(ctx, client, address, func(_ int64, body io.Reader) error {
		err := json.NewDecoder(io.LimitReader(body, maxMetadata)).Decode(&doc)
		if err != nil && !errors.Is(err, errStalled) {
			return fmt.Errorf("%w: its document cannot be read", errPackage)
		}
		return err
	})
	if err != nil {
		return registryDist{}, fmt.Errorf("cannot read the document of %s: %w", p.Name, err)
	}
	version, ok := doc.Versions[p.Version]
	if !ok || version.Dist.Tarball == "" {
		return registryDist{}, errNotFound
	}
	return version.Dist, nil
}

// fetchTarball writes what is at address into a new file.
func fetchTarball(ctx context.Context, client *http.Client, address, path string, size int64, report func(protocol.InstallProgress)) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	err = httpGet(ctx, client, address, func(length int64, body io.Reader) error {
		if length > maxTarball {
			return fmt.Errorf("%w: its tarball is larger than 1 GiB", errPackage)
		}
		if length > 0 {
			size = length
		}
		meter := newMeter("download", size, report)
		n, err := io.Copy(io.MultiWriter(file, meter), io.LimitReader(body, maxTarball+1))
		if err == nil && n > maxTarball {
			return fmt.Errorf("%w: its tarball is larger than 1 GiB", errPackage)
		}
		if err == nil {
			meter.finish()
		}
		return err
	})
	if err != nil {
		return err
	}
	return file.Close()
}

// httpGet asks for address and hands a good answer's length (-1 for unknown) and
// body to read. It gives up when the registry is silent for maxSilence.
func httpGet(ctx context.Context, client *http.Client, address string, read func(length int64, body io.Reader) error) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("cannot read the address of the registry: %w", err)
	}
	if !trusted(u) {
		return errInsecure
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(maxSilence, func() { cancel(errStalled) })
	defer silence.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.npm.install-v1+json; q=1.0, */*; q=0.8")
	resp, err := client.Do(req)
	if err != nil {
		return whyDone(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := statusError(resp.StatusCode); err != nil {
		return err
	}
	if err := read(resp.ContentLength, &alive{resp.Body, silence}); err != nil {
		return whyDone(ctx, err)
	}
	return nil
}

// whyDone prefers the reason for which ctx was cancelled to its echo in err.
func whyDone(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

// alive puts off the end of a download with every read that brings bytes. A
// connection that ends too early is a fault of the network.
type alive struct {
	body    io.Reader
	silence *time.Timer
}

func (a *alive) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if n > 0 {
		a.silence.Reset(maxSilence)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errStalled, err)
	}
	return n, err
}

// statusError turns a registry's refusal into its cause.
func statusError(status int) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return errNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return errLogin
	}
	return fmt.Errorf("%w: it answered with status %d", errStalled, status)
}

// registryClient follows redirects, but never to a place that is not trusted.
func registryClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 5 || !trusted(req.URL) {
				return errInsecure
			}
			return nil
		},
	}
}

// trusted tells whether what comes from u cannot be changed on its way: https,
// or a registry on this machine.
func trusted(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip.IsLoopback())
}

// configuredRegistry finds the registry for a package where npm looks for it:
// a registry of the name's scope in the user's .npmrc, the environment, the
// registry in .npmrc. There is no default: whom to trust is for the user to
// say.
func configuredRegistry(name string) (*url.URL, error) {
	settings := npmrc()
	scope, _, scoped := strings.Cut(name, "/")
	found := ""
	if scoped {
		found = settings[scope+":registry"]
	}
	for _, other := range []string{os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY"), settings["registry"]} {
		if found == "" {
			found = other
		}
	}
	if found == "" {
		return nil, errNoRegistry
	}
	u, err := url.Parse(found)
	if err != nil || u.Host == "" {
		return nil, errNoRegistry
	}
	return u, nil
}

// npmrc reads the user's npm settings; a file that is not there has none.
func npmrc() map[string]string {
	path := os.Getenv("npm_config_userconfig")
	if path == "" {
		path = os.Getenv("NPM_CONFIG_USERCONFIG")
	}
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		path = filepath.Join(home, ".npmrc")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	settings := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if key = strings.TrimSpace(key); ok && (key == "registry" || strings.HasSuffix(key, ":registry")) {
			settings[key] = strings.Trim(os.ExpandEnv(strings.TrimSpace(value)), `"'`)
		}
	}
	return settings
}

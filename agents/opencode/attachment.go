package opencode

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/towline-dev/towline/protocol"
)

// isText tells whether a file's bytes can go to the model as text.
func isText(mime string) bool {
	mime, _, _ = strings.Cut(mime, ";")
	return mime == "" || strings.HasPrefix(mime, "text/") || mime == "application/json" || strings.HasSuffix(mime, "+json") || strings.HasSuffix(mime, "xml")
}

// fileName is what an attachment is called.
func fileName(p protocol.Part) string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Path != "":
		return filepath.Base(p.Path)
	default:
		return "attachment"
	}
}

// fileURL names a file of the machine.
func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

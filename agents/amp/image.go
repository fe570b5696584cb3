package amp

import (
	"bytes"
	"encoding/base64"
	"image"
	// The formats whose size in pixels is looked at.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"slices"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
)

// What Amp takes: another image ends its process, and with it a turn that is
// open (section 3). The bounds are those of the CLI of 27 April 2026.
const (
	// maxImages is how many images a prompt may have.
	maxImages = 4
	// maxImage is how large an image may be, in bytes: 4.9 MiB.
	maxImage = 5_138_022
	// maxSide is how wide and how high an image may be, in pixels.
	maxSide = 8000
)

// imageTypes are the images that Amp takes (section 3).
var imageTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

type imageBlock struct {
	Type   string      `json:"type"`
	Source imageSource `json:"source"`
}

type imageSource struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type"`
	Data      string `json:"data"`
}

// image makes the block of an image. It returns capability_missing,
// invalid_request or too_large for one that would end the process.
func (t *translator) image(c agents.Content, data []byte) (imageBlock, error) {
	refuse := func(code protocol.Code, message string) (imageBlock, error) {
		return imageBlock{}, protocol.Errorf(code, "%s", message)
	}
	switch found := http.DetectContentType(data); {
	case t.setup.TextOnly:
		return refuse(protocol.CodeCapabilityMissing, "this version of Amp takes no images, which exist since 24 March 2026; leave them out, or update Amp")
	case !slices.Contains(imageTypes, c.Mime):
		return refuse(protocol.CodeInvalidRequest, "Amp takes PNG, JPEG, GIF and WebP images, not this one; convert it")
	case found != c.Mime:
		return refuse(protocol.CodeInvalidRequest, "an image of the prompt is not of the type that it says; correct its mime")
	case len(data) > maxImage:
		return refuse(protocol.CodeTooLarge, "Amp takes images up to 4.9 MiB; make this one smaller")
	}
	if size, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && max(size.Width, size.Height) > maxSide {
		return refuse(protocol.CodeInvalidRequest, "Amp takes images up to 8000 pixels wide and high; make this one smaller")
	}
	return imageBlock{Type: "image", Source: imageSource{
		Type: "base64", MediaType: c.Mime, Data: base64.StdEncoding.EncodeToString(data),
	}}, nil
}

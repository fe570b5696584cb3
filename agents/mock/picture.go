package mock

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// picture draws a gradient of 96 by 64 pixels, as PNG.
func picture() []byte {
	const width, height = 96, 64
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(x * 255 / width), G: uint8(y * 255 / height), B: 160, A: 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(fmt.Sprintf("cannot encode a picture in memory: %v", err)) // a buffer takes every write
	}
	return b.Bytes()
}

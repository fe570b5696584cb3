package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/towline-dev/towline/agents"
	"github.com/towline-dev/towline/protocol"
	"github.com/towline-dev/towline/session/store"
)

// maxAttachment bounds the bytes of one image or file of a prompt.
const maxAttachment = 32 << 20

// readLimit bounds a read of an attachment from the store.
const readLimit = 30 * time.Second

// precheck refuses what can be seen to be wrong without the owner: a prompt
// that names content that is not there, settings that the agent does not take,
// and any command when nothing could be stored. A denial or an interrupt is let through on a full disk: it asks the
// agent to do less.
func (s *Session) precheck(ctx context.Context, c protocol.Command) error {
	if err := s.m.committer.refusal(); err != nil && !doesLess(c) {
		return err
	}
	if k, ok := c.(*protocol.SessionConfigure); ok {
		return s.checkSettings(k)
	}
	p, ok := c.(*protocol.Prompt)
	if !ok {
		return nil
	}
	for _, part := range p.Content {
		if err := s.checkPart(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// doesLess tells commands that only stop an agent.
func doesLess(c protocol.Command) bool {
	switch c := c.(type) {
	case *protocol.TurnInterrupt, *protocol.QuestionReject, *protocol.SessionEnd:
		return true
	case *protocol.PermissionDecide:
		return c.Decision == protocol.Deny
	default:
		return false
	}
}

// checkPart looks whether an attachment is there.
func (s *Session) checkPart(ctx context.Context, p protocol.Part) error {
	switch {
	case p.Blob != nil:
		_, err := s.Blob(ctx, p.Blob.ID)
		return err
	case p.Path != "" && len(p.Data) == 0:
		f, err := s.openFile(p.Path)
		if err != nil {
			return err
		}
		return f.Close()
	default:
		return nil
	}
}

// openFile opens a regular file inside the session's directory.
func (s *Session) openFile(path string) (*os.File, error) {
	dir := s.rec.Request.Directory
	rel := path
	if filepath.IsAbs(path) {
		r, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, outside(path)
		}
		rel = r
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the session's directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	info, err := root.Lstat(rel)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, protocol.Errorf(protocol.CodeNotFound, "there is no file %q in the session's directory", path)
	case err != nil || !info.Mode().IsRegular():
		return nil, outside(path)
	case info.Size() > maxAttachment:
		return nil, protocol.Errorf(protocol.CodeTooLarge, "the file %q is larger than the %d MiB that a prompt may attach", path, maxAttachment>>20)
	}
	f, err := root.Open(rel)
	if err != nil {
		return nil, outside(path)
	}
	return f, nil
}

// outside is the refusal of a path that a prompt may not name.
func outside(path string) *protocol.Error {
	return protocol.Errorf(protocol.CodeInvalidRequest, "%q is no regular file inside the session's directory; name one that is, or upload the content as a blob", path)
}

// resolve reads what a prompt's parts refer to. It runs on the courier.
func (s *Session) resolve(parts []protocol.Part) ([]agents.Content, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	out := make([]agents.Content, 0, len(parts))
	for _, p := range parts {
		c := agents.Content{Part: p}
		var err error
		switch {
		case p.Blob != nil:
			err = s.resolveBlob(ctx, &c)
		case p.Type == protocol.PartImage && p.Path != "":
			err = s.resolveFile(&c)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// resolveBlob reads a blob: a long text back into its place, other content as
// bytes.
func (s *Session) resolveBlob(ctx context.Context, c *agents.Content) error {
	b, err := s.m.o.Store.Blob(ctx, s.id, c.Blob.ID)
	if errors.Is(err, store.ErrNotFound) {
		return protocol.Errorf(protocol.CodeNotFound, "a blob that the prompt names is gone")
	}
	if err != nil {
		return err
	}
	if c.Type == protocol.PartText {
		c.Text, c.Truncated, c.Blob = string(b.Bytes), false, nil
		return nil
	}
	c.Bytes = b.Bytes
	if c.Mime == "" {
		c.Mime = b.Mime
	}
	return nil
}

// resolveFile reads a local image.
func (s *Session) resolveFile(c *agents.Content) error {
	f, err := s.openFile(c.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if c.Bytes, err = io.ReadAll(io.LimitReader(f, maxAttachment)); err != nil {
		return fmt.Errorf("cannot read an attachment: %w", err)
	}
	if c.Mime == "" {
		c.Mime = imageMime(c.Path)
	}
	return nil
}

// imageMime guesses an image's type from its name.
func imageMime(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	default:
		return "image/png"
	}
}

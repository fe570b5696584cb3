package clientlib

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/towline-dev/towline/protocol"
)

// CommandOption changes how one command is sent.
type CommandOption func(*pending)

// WithID gives a command an id of the caller's own, 1 to 128 characters from
// A-Z a-z 0-9 . _ : -, unique in the session: a
// program that may die between asking and hearing keeps the id and asks again
// with it. Without it an id is made (UUID v7).
func WithID(id string) CommandOption { return func(p *pending) { p.id = idOr(id) } }

// Prompt asks the agent to do something. It returns when the prompt is
// durable, not when it has run.
func (s *Stream) Prompt(ctx context.Context, p protocol.Prompt, opts ...CommandOption) (protocol.PromptResult, error) {
	return ask[protocol.PromptResult](ctx, s, &p, opts)
}

// Withdraw takes a prompt out of the queue.
func (s *Stream) Withdraw(ctx context.Context, promptID string, opts ...CommandOption) error {
	_, err := s.Do(ctx, &protocol.PromptWithdraw{PromptID: promptID}, opts...)
	return err
}

// Decide decides a permission. If another decision won, the error's code is
// already_decided and its details are a protocol.Winner.
func (s *Stream) Decide(ctx context.Context, d protocol.PermissionDecide, opts ...CommandOption) (protocol.DecideResult, error) {
	return ask[protocol.DecideResult](ctx, s, &d, opts)
}

// Answer answers a question.
func (s *Stream) Answer(ctx context.Context, questionID string, answers [][]string, opts ...CommandOption) error {
	_, err := s.Do(ctx, &protocol.QuestionAnswer{QuestionID: questionID, Answers: answers}, opts...)
	return err
}

// Reject declines to answer a question; message, for the agent, may be empty.
func (s *Stream) Reject(ctx context.Context, questionID, message string, opts ...CommandOption) error {
	_, err := s.Do(ctx, &protocol.QuestionReject{QuestionID: questionID, Message: message}, opts...)
	return err
}

// Interrupt stops the open turn; without one it changes nothing.
func (s *Stream) Interrupt(ctx context.Context, opts ...CommandOption) error {
	_, err := s.Do(ctx, &protocol.TurnInterrupt{}, opts...)
	return err
}

// Configure changes what is not nil.
func (s *Stream) Configure(ctx context.Context, change protocol.SessionConfigure, opts ...CommandOption) error {
	_, err := s.Do(ctx, &change, opts...)
	return err
}

// End ends the session; its transcript stays.
func (s *Stream) End(ctx context.Context, opts ...CommandOption) error {
	_, err := s.Do(ctx, &protocol.SessionEnd{}, opts...)
	return err
}

// Read reads history on the same socket. It moves no cursor.
func (s *Stream) Read(ctx context.Context, r protocol.EventsRead, opts ...CommandOption) (protocol.EventPage, error) {
	return ask[protocol.EventPage](ctx, s, &r, opts)
}

// ask runs a command and decodes the data of its result.
func ask[R any](ctx context.Context, s *Stream, cmd protocol.Command, opts []CommandOption) (R, error) {
	var out R
	r, err := s.Do(ctx, cmd, opts...)
	if err != nil || len(r.Data) == 0 {
		return out, err
	}
	if err := json.Unmarshal(r.Data, &out); err != nil {
		return out, fmt.Errorf("cannot read the result of %s: %w", cmd.FrameType(), err)
	}
	return out, nil
}

// idOr returns id, or a new one.
func idOr(id string) string {
	if id != "" {
		return id
	}
	return uuid.Must(uuid.NewV7()).String()
}

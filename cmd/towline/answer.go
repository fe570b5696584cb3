package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

func newAnswer(t *terminal) *cobra.Command {
	var question, reject string
	cmd := &cobra.Command{
		Use:   "answer SESSION [QUESTION] ANSWER...",
		Short: "Answer a question of a session's agent",
		Long: "Answer a question of a session's agent, with one ANSWER for each of its parts, in order.\n" +
			"QUESTION is an id such as q1; without it, it is the only one that waits.",
		Args: cobra.MinimumNArgs(1),
	}
	c := newConnection(t, cmd)
	id := idFlag(cmd)
	cmd.Flags().StringVar(&reject, "reject", "", "decline to answer, with this word for the agent")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := c.dial(cmd.Context())
		if err != nil {
			return err
		}
		state, err := client.State(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		var answers []string
		if question, answers, err = pickQuestion(state, args[1:]); err != nil {
			return err
		}
		if cmd.Flags().Changed("reject") {
			return c.command(cmd, args[0], *id, &protocol.QuestionReject{QuestionID: question, Message: reject}, nil,
				func() string { return question + ": declined" })
		}
		if len(answers) == 0 {
			return usage(errors.New("there is no answer: add one for each part of the question"))
		}
		all := make([][]string, len(answers))
		for i, a := range answers {
			all[i] = []string{a}
		}
		return c.command(cmd, args[0], *id, &protocol.QuestionAnswer{QuestionID: question, Answers: all}, nil,
			func() string { return question + ": answered" })
	}
	return cmd
}

// pickQuestion returns the question that the first word names, or the only
// one, and the words that are left.
func pickQuestion(s protocol.State, words []string) (string, []string, error) {
	for _, q := range s.Questions {
		if len(words) > 0 && words[0] == q.QuestionID {
			return q.QuestionID, words[1:], nil
		}
	}
	switch len(s.Questions) {
	case 0:
		return "", nil, errors.New("no question waits for an answer")
	case 1:
		return s.Questions[0].QuestionID, words, nil
	default:
		return "", nil, fmt.Errorf("%d questions wait, the first is %s: name the one you mean", len(s.Questions), s.Questions[0].QuestionID)
	}
}

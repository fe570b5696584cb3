package protocol

// ValidSessionID tells whether s can name a session: 1 to 64 characters of
// `[A-Za-z0-9._-]`, but not "." or "..", because ids stand in URLs and paths.
func ValidSessionID(s string) bool {
	return len(s) <= 64 && s != "." && s != ".." && validID(s, false)
}

// ValidCommandID tells whether s can be a command's id: 1 to 128 characters of
// `[A-Za-z0-9._:-]`.
func ValidCommandID(s string) bool { return len(s) <= 128 && validID(s, true) }

func validID(s string, colon bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		case c == ':' && colon:
		default:
			return false
		}
	}
	return s != ""
}

func invalid(format string, args ...any) error { return Errorf(CodeInvalidRequest, format, args...) }

// Validate tells what is wrong with the prompt; the error is an *Error, as for
// all Validate methods.
func (p *Prompt) Validate() error {
	switch p.Delivery {
	case "", DeliverQueue, DeliverSteer, DeliverInterrupt, DeliverReject:
	default:
		return invalid("there is no delivery %q: send queue, steer, interrupt or reject", clip(string(p.Delivery), 40))
	}
	switch {
	case p.Text != "" && len(p.Content) > 0:
		return invalid("the prompt has text and content: send one of them")
	case p.Text == "" && len(p.Content) == 0:
		return invalid("the prompt is empty: send text or content")
	}
	for i := range p.Content {
		if err := p.Content[i].validateInput(i); err != nil {
			return err
		}
	}
	return nil
}

// validateInput checks a part that a client sends; i is its place.
func (p *Part) validateInput(i int) error {
	attached := len(p.Data) > 0 || p.Blob != nil || p.Path != ""
	if p.Blob != nil && p.Blob.ID == "" {
		return invalid("content[%d] names a blob without id: send the id that its upload answered", i)
	}
	switch p.Type {
	case PartText:
		if p.Text == "" {
			return invalid("content[%d] is an empty text: leave it out or fill text", i)
		}
	case PartImage:
		if !attached && p.URL == "" {
			return invalid("content[%d] is an image without data, blob, path or url: send one of them", i)
		}
		if len(p.Data) > 0 && p.Mime == "" {
			return invalid("content[%d] is an image without mime: say what its data is, such as image/png", i)
		}
	case PartFile:
		if !attached {
			return invalid("content[%d] is a file without data, blob or path: send one of them", i)
		}
	case PartResourceLink:
		if p.URL == "" {
			return invalid("content[%d] is a resource_link without url: send it", i)
		}
	default:
		return invalid("content[%d] has type %q: a prompt takes text, image, file and resource_link", i, clip(string(p.Type), 40))
	}
	return nil
}

// Validate tells what is wrong with the withdrawal.
func (p *PromptWithdraw) Validate() error {
	if p.PromptID == "" {
		return invalid("prompt_id is missing: name the prompt to withdraw")
	}
	return nil
}

// Validate tells what is wrong with the decision.
func (p *PermissionDecide) Validate() error {
	switch {
	case p.PermissionID == "":
		return invalid("permission_id is missing: name the permission to decide")
	case p.OptionID == "" && p.Decision == "":
		return invalid("the decision is missing: send option_id, or decision with scope")
	case p.OptionID != "" && (p.Decision != "" || p.Scope != ""):
		return invalid("option_id stands beside decision or scope: send one or the other")
	case p.Decision != "" && p.Decision != Allow && p.Decision != Deny:
		return invalid("there is no decision %q: send allow or deny", clip(string(p.Decision), 40))
	}
	switch p.Scope {
	case "", ScopeOnce, ScopeSession, ScopeAlways:
		return nil
	default:
		return invalid("there is no scope %q: send once, session or always", clip(string(p.Scope), 40))
	}
}

// Validate tells what is wrong with the answer.
func (q *QuestionAnswer) Validate() error {
	if q.QuestionID == "" {
		return invalid("question_id is missing: name the question to answer")
	}
	if len(q.Answers) == 0 {
		return invalid("answers is missing: send one list of labels or texts for each question")
	}
	for i, a := range q.Answers {
		if a == nil {
			return invalid("answers[%d] is null: send a list, which may be empty", i)
		}
	}
	return nil
}

// Validate tells what is wrong with the rejection.
func (q *QuestionReject) Validate() error {
	if q.QuestionID == "" {
		return invalid("question_id is missing: name the question to reject")
	}
	return nil
}

// Validate tells what is wrong with the change.
func (s *SessionConfigure) Validate() error {
	if *s == (SessionConfigure{}) {
		return invalid("nothing to configure: send title, model, mode, effort or permission_mode")
	}
	return nil
}

// Validate tells what is wrong with the session's description, as far as that
// is known without its agent.
func (s *SessionCreate) Validate() error {
	if s.Agent == "" {
		return invalid("agent is missing: name one of GET /v1/agents")
	}
	if s.SessionID != "" && !ValidSessionID(s.SessionID) {
		return invalid("session_id is not valid: send 1 to 64 characters from A-Z a-z 0-9 . _ -, or none")
	}
	return nil
}

// Validate tells what is wrong with the subscription.
func (s *SessionAttach) Validate() error {
	if !ValidSessionID(s.SessionID) {
		return invalid("session_id is missing or not valid: name the session to attach to")
	}
	if !s.View.Valid() {
		return invalid("there is no view %q: send full, items or asks", clip(string(s.View), 40))
	}
	return nil
}

// Validate tells what is wrong with the request.
func (e *EventsRead) Validate() error {
	if e.After != nil && e.Before != nil {
		return invalid("after and before stand together: send one of them")
	}
	if e.Limit < 0 {
		return invalid("limit is negative: send how many events you want")
	}
	return nil
}

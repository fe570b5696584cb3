package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// UnmarshalJSON reads an event. A type that this version does not know becomes
// *UnknownData.
func (e *Event) UnmarshalJSON(b []byte) error {
	r := newJSONReader(b)
	if err := r.event(e); err != nil {
		return err
	}
	if _, err := r.next(); err != nil {
		return fmt.Errorf("cannot read event: %w", err)
	}
	return nil
}

// event reads the next value as an event. It reads the envelope token by
// token, because encoding/json would go over each event several times, and
// a replay has many.
func (r *jsonReader) event(e *Event) error {
	if kind, err := r.next(); err != nil || kind != tokenObject {
		return errors.Join(errors.New("cannot read event: it is no object"), err)
	}
	*e = Event{}
	var t EventType
	var data []byte
	for {
		kind, err := r.next()
		if err != nil {
			return fmt.Errorf("cannot read event: %w", err)
		}
		if kind == tokenObjectEnd {
			break
		}
		key := r.raw
		value, err := r.wholeValue()
		if err != nil {
			return fmt.Errorf("cannot read event: %w", err)
		}
		switch string(key) {
		case "seq":
			e.Seq, err = strconv.ParseUint(string(value), 10, 64)
		case "session_id":
			err = r.into(value, &e.SessionID)
		case "time":
			err = e.Time.UnmarshalJSON(value)
		case "type":
			err = r.into(value, (*string)(&t))
		case "turn_id":
			err = r.into(value, &e.TurnID)
		case "source":
			err = r.into(value, (*string)(&e.Source))
		case "data":
			data = value
		case "raw":
			e.Raw = bytes.Clone(value)
		}
		if err != nil {
			return fmt.Errorf("cannot read event: its %s: %w", key, err)
		}
	}
	return e.setData(t, data)
}

// wholeValue reads a whole value and returns its text.
func (r *jsonReader) wholeValue() ([]byte, error) {
	depth := len(r.open)
	kind, err := r.next()
	start := r.start
	for err == nil && len(r.open) > depth {
		_, err = r.next()
	}
	if err != nil || kind == tokenObjectEnd || kind == tokenArrayEnd {
		return nil, errors.Join(errors.New("a value is missing"), err)
	}
	return r.b[start:r.pos], nil
}

// into sets s to the string that r has just read as value; null leaves it.
func (r *jsonReader) into(value []byte, s *string) error {
	if string(value) == "null" {
		return nil
	}
	if value[0] != '"' {
		return errors.New("not a string")
	}
	if r.escaped {
		*s = string(appendUnescaped(nil, r.raw))
	} else {
		*s = string(r.raw)
	}
	return nil
}

// setData decodes the payload by its type.
func (e *Event) setData(t EventType, data []byte) error {
	if t == "" {
		return errors.New("cannot read event: it has no type")
	}
	create, known := newData[t]
	if !known {
		e.Data = &UnknownData{Type: t, JSON: bytes.Clone(data)}
		return nil
	}
	e.Data = create()
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, e.Data); err != nil {
		return fmt.Errorf("cannot read %s event: %w", t, err)
	}
	return nil
}

// readEvents reads an events frame whose first tokens were not read yet.
func readEvents(b []byte) (*Events, error) {
	r := newJSONReader(b)
	if kind, err := r.next(); err != nil || kind != tokenObject {
		return nil, errors.Join(errors.New("it is no object"), err)
	}
	f := new(Events)
	for {
		kind, err := r.next()
		if err != nil {
			return nil, err
		}
		if kind == tokenObjectEnd {
			_, err := r.next() // nothing may follow
			return f, err
		}
		switch string(r.raw) {
		case "last":
			value, err := r.wholeValue()
			if err != nil {
				return nil, err
			}
			if f.Last, err = strconv.ParseUint(string(value), 10, 64); err != nil {
				return nil, fmt.Errorf("its last: %w", err)
			}
		case "events":
			if err := r.events(f); err != nil {
				return nil, err
			}
		default:
			if _, err := r.wholeValue(); err != nil {
				return nil, err
			}
		}
	}
}

// events reads an array of events.
func (r *jsonReader) events(f *Events) error {
	kind, err := r.next()
	if err != nil || kind != tokenArray && kind != tokenNull {
		return errors.Join(errors.New("its events are no list"), err)
	}
	if kind == tokenNull {
		return nil
	}
	f.Events = make([]Event, 0)
	for !r.atArrayEnd() {
		f.Events = append(f.Events, Event{})
		if err := r.event(&f.Events[len(f.Events)-1]); err != nil {
			return err
		}
	}
	_, err = r.next()
	return err
}

// atArrayEnd tells whether the innermost array ends here.
func (r *jsonReader) atArrayEnd() bool {
	r.skipSpace()
	return r.pos < len(r.b) && r.b[r.pos] == ']'
}

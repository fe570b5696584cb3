package agents

import (
	"bytes"
	"encoding/json"
	"regexp"
)

// Ends is what the two ends of a frame tell that was skipped (Skipper). All of
// it is certain if the frame was a JSON object: what may be a nested field's
// is left out.
type Ends struct {
	// Fields are the frame's own fields with a plain value (a text, a number,
	// true, false or null) that stand before its first long or nested value, or
	// after its last one.
	Fields map[string]json.RawMessage
	// Long names the first field whose value is nested, or goes on behind the
	// frame's begin; empty if there is none.
	Long string
	// Inner are the plain fields at the begin of Long's value, if it is an
	// object.
	Inner map[string]json.RawMessage
}

// ReadEnds reads the first and the last bytes of a frame.
func ReadEnds(head, tail []byte) Ends {
	e := Ends{Fields: map[string]json.RawMessage{}, Inner: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(head))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return e
	}
	var nested json.Token
	if e.Long, nested = plainFields(d, len(head), e.Fields); nested == json.Delim('{') {
		plainFields(d, len(head), e.Inner)
	}
	lastFields(tail, e.Fields)
	return e
}

// Text returns a field that is a text; empty if it is none.
func (e Ends) Text(name string) string { return textOf(e.Fields[name]) }

// InnerText returns an inner field that is a text; empty if it is none.
func (e Ends) InnerText(name string) string { return textOf(e.Inner[name]) }

func textOf(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// plainFields reads the fields of the object that d is in, of size bytes in
// all, up to the first that is not whole or not plain. It returns that one's
// name, and how its value begins if it is nested.
func plainFields(d *json.Decoder, size int, fields map[string]json.RawMessage) (long string, nested json.Token) {
	for {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return "", nil
		}
		value, err := d.Token()
		if err != nil || d.InputOffset() >= int64(size) { // a number may go on behind
			return name, nil
		}
		if delim, ok := value.(json.Delim); ok {
			return name, delim
		}
		fields[name], _ = json.Marshal(value) // a plain value always encodes
	}
}

// lastField is a plain field at the end of an object, without the brace. Its
// key cannot be in a text, where a quote has a backslash before it; and its
// value has no escapes, so it is seen whole.
var lastField = regexp.MustCompile(`,\s*"(\w+)"\s*:\s*("[^"\\]*"|-?[0-9][-+.0-9eE]*|true|false|null)\s*$`)

// lastFields reads the plain fields at the frame's end. The last brace closes
// the frame, so whatever stands before it without another one is its own.
func lastFields(tail []byte, fields map[string]json.RawMessage) {
	rest, ok := bytes.CutSuffix(bytes.TrimRight(tail, " \t\r\n"), []byte{'}'})
	seen := map[string]bool{} // of two fields of one name the last counts
	for ok {
		var at []int
		if at = lastField.FindSubmatchIndex(rest); at == nil {
			return
		}
		name, value := string(rest[at[2]:at[3]]), rest[at[4]:at[5]]
		if !seen[name] && json.Valid(value) {
			fields[name], seen[name] = bytes.Clone(value), true
		}
		rest = rest[:at[0]]
	}
}

package agents

import (
	"bytes"
	"encoding/json"
	"testing"
)

// plain writes fields as a text that can be compared.
func plain(t *testing.T, fields map[string]json.RawMessage) string {
	t.Helper()
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadEnds(t *testing.T) {
	for name, c := range map[string]struct {
		head, tail          string
		fields, long, inner string
	}{
		"answer":             {`{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end`, `xxx"}}`, `{"id":3,"jsonrpc":"2.0"}`, "result", `{}`},
		"text as the value":  {`{"id":3,"result":"xxx`, `xxx"}`, `{"id":3}`, "result", `{}`},
		"request":            {`{"jsonrpc":"2.0","id":0,"method":"a/b","params":{"sessionId":"s","n":1,"toolCall":{"id":9`, `xx}]}}`, `{"id":0,"jsonrpc":"2.0","method":"a/b"}`, "params", `{"n":1,"sessionId":"s"}`},
		"id at the end":      {`{"result":{"id":9,"x":[`, `],"id":8},"id":7}`, `{"id":7}`, "result", `{"id":9}`},
		"several at the end": {`{"params":{"a":`, `"x"},"method":"m" , "id" : "a b", "z":null } ` + "\r", `{"id":"a b","method":"m","z":null}`, "params", `{}`},
		"nested at the end":  {`{"method":"m","params":{`, `"a":"b","id":5}}`, `{"method":"m"}`, "params", `{}`},
		"list at the end":    {`{"method":"m","params":[`, `1,"id",5]}`, `{"method":"m"}`, "params", `{}`},
		"text at the end":    {`{"method":"m","params":"`, `x,\"id\":5}"}`, `{"method":"m"}`, "params", `{}`},
		"text with escapes":  {`{"method":"m","x":"`, `x","id":"a\"b"}`, `{"method":"m"}`, "x", `{}`},
		"text with commas":   {`{"method":"m","x":"`, `x,","id":5}`, `{"id":5,"method":"m"}`, "x", `{}`},
		"cut number":         {`{"method":"m","id":12`, `x"}}`, `{"method":"m"}`, "id", `{}`},
		"cut inner number":   {`{"a":{"n":12`, `x"}}`, `{}`, "a", `{}`},
		"cut key":            {`{"method":"m","para`, `x"}}`, `{"method":"m"}`, "", `{}`},
		"nested id":          {`{"id":{"a":1`, `x"}}`, `{}`, "id", `{}`},
		"twice":              {`{"id":1,"x":[`, `],"id":2,"id":3}`, `{"id":3}`, "x", `{}`},
		"no number":          {`{"x":[`, `],"id":3e}`, `{}`, "x", `{}`},
		"not closed":         {`{"id":1,"x":[`, `],"id":2`, `{"id":1}`, "x", `{}`},
		"a list":             {`[{"id":1`, `,"id":2}`, `{}`, "", `{}`},
		"no JSON":            {`{welcome`, `to the shop}`, `{}`, "", `{}`},
		"nothing":            {``, ``, `{}`, "", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			e := ReadEnds([]byte(c.head), []byte(c.tail))
			if got := plain(t, e.Fields); got != c.fields || e.Long != c.long {
				t.Errorf("the fields are %s and the long one is %q, want %s and %q", got, e.Long, c.fields, c.long)
			}
			if got := plain(t, e.Inner); got != c.inner {
				t.Errorf("the inner fields are %s, want %s", got, c.inner)
			}
		})
	}
	e := ReadEnds([]byte(`{"type":"x","n":1,"request":{"subtype":"y","m":2,"z":[`), nil)
	if e.Text("type") != "x" || e.Text("n") != "" || e.Text("none") != "" || e.InnerText("subtype") != "y" || e.InnerText("m") != "" {
		t.Errorf("the texts of %+v are wrong", e)
	}
}

// Whatever the ends of an object are cut to, they tell nothing that is not a
// field of its own.
func FuzzReadEnds(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":3,"result":{"id":4,"x":",\"id\":5}"}}`, `{"result":{"id":4},"id":5}`, `{"x":"a,","id":5,"y":", "}`,
		`{"params":[1,"id",{"id":2}],"method":"m","id":"a\"b"}`, `{"id":1,"id":2}`, `{"a":{"id":1},"b":"\\"}`, `[{"id":1}]`,
	} {
		f.Add([]byte(seed), uint8(20), uint8(20))
	}
	f.Fuzz(func(t *testing.T, line []byte, head, tail uint8) {
		e := ReadEnds(line[:min(len(line), int(head))], line[max(0, len(line)-int(tail)):])
		if !json.Valid(line) {
			return
		}
		own, inner := ownFields(line)
		for name, value := range e.Fields {
			if !own[name+"="+compact(value)] {
				t.Errorf("%q is no field %s of %s", value, name, line)
			}
		}
		for name, value := range e.Inner {
			if !inner[e.Long+"."+name+"="+compact(value)] {
				t.Errorf("%q is no field %s of %s in %s", value, name, e.Long, line)
			}
		}
	})
}

// compact writes a value as it is read.
func compact(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "?"
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// ownFields are all fields of an object, as name=value, and those one level in,
// as outer.name=value; of fields of one name all.
func ownFields(line []byte) (own, inner map[string]bool) {
	own, inner = map[string]bool{}, map[string]bool{}
	for name, raw := range fieldsOf(line) {
		for _, value := range raw {
			own[name+"="+compact(value)] = true
			for n, values := range fieldsOf(value) {
				for _, v := range values {
					inner[name+"."+n+"="+compact(v)] = true
				}
			}
		}
	}
	return own, inner
}

func fieldsOf(object []byte) map[string][]json.RawMessage {
	fields := map[string][]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fields
	}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return fields
		}
		fields[name] = append(fields[name], value)
	}
	return fields
}

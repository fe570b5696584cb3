package protocol

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// shape is what a Go type looks like in JSON, as far as its keys go.
// encoding/json takes a key in any case for a field; other decoders do not, so
// that one frame could mean two things. checkCase refuses such keys.
type shape struct {
	fields map[string]*shape // of a struct
	elem   *shape            // of a slice, array or map
}

// shapes holds the shape of each type met, by reflect.Type.
var shapes sync.Map

func shapeOf(v any) *shape {
	t := reflect.TypeOf(v)
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := makeShape(t)
	shapes.Store(t, s)
	return s
}

var (
	jsonReads = reflect.TypeFor[json.Unmarshaler]()
	textReads = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// makeShape returns nil for types without keys of their own. The types of
// this package do not contain themselves.
func makeShape(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := reflect.PointerTo(t); p.Implements(jsonReads) || p.Implements(textReads) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		if elem := makeShape(t.Elem()); elem != nil {
			return &shape{elem: elem}
		}
	case reflect.Struct:
		s := &shape{fields: make(map[string]*shape)}
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.IsExported() && name != "" && name != "-" {
				s.fields[name] = makeShape(f.Type)
			}
		}
		return s
	}
	return nil
}

// checkCase refuses keys of b that differ from a field of v only in case.
func checkCase(b []byte, v any) error {
	r := newJSONReader(b)
	next := shapeOf(v) // of the value that comes next
	var open []*shape  // of the containers around it
	for {
		kind, err := r.next()
		if err != nil {
			return refuse("the frame is no valid JSON: %s", err)
		}
		switch kind {
		case tokenEnd:
			return nil
		case tokenObject, tokenArray:
			open = append(open, next)
			next = next.inside()
		case tokenObjectEnd, tokenArrayEnd:
			open = open[:len(open)-1]
			if len(open) > 0 {
				next = open[len(open)-1].inside()
			}
		case tokenKey:
			key := string(appendUnescaped(nil, r.raw))
			var ok bool
			if next, ok = open[len(open)-1].at(key); !ok {
				return Errorf(CodeInvalidRequest, "the field %q is in the wrong case: field names are lower case", clip(key, 40))
			}
		}
	}
}

// inside returns the shape of a list's elements.
func (s *shape) inside() *shape {
	if s == nil {
		return nil
	}
	return s.elem
}

// at returns the shape of the value at key; ok is false if the key is a field
// in the wrong case.
func (s *shape) at(key string) (value *shape, ok bool) {
	if s == nil || s.fields == nil {
		return s.inside(), true
	}
	if value, ok := s.fields[key]; ok {
		return value, true
	}
	for name := range s.fields {
		if strings.EqualFold(name, key) {
			return nil, false
		}
	}
	return nil, true
}

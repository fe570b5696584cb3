package protocol

import (
	"bytes"
	"strconv"
)

// CheckJSON walks b and refuses it unless it is one well-formed JSON value
// within the limits: valid UTF-8 without a byte order mark, no key twice in an
// object (after escapes are resolved), no half surrogate pairs, no number that
// float64 cannot reach, nothing after the value. The error is a *GuardError.
func (l GuardLimits) CheckJSON(b []byte) error {
	l = l.withDefaults()
	if err := l.checkSize(b); err != nil {
		return err
	}
	if bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")) {
		return refuse("the frame begins with a byte order mark: send plain UTF-8")
	}
	r := newJSONReader(b)
	var keys keySet
	values := -1 // the outermost value does not count
	for {
		kind, err := r.next()
		if err != nil {
			return refuse("the frame is no valid JSON: %s", err)
		}
		switch kind {
		case tokenEnd:
			return nil
		case tokenObjectEnd:
			if key, ok := keys.close(); !ok {
				return refuseTwice(key)
			}
			continue
		case tokenArrayEnd:
			continue
		case tokenKey:
			if err := l.checkKey(&r, &keys); err != nil {
				return err
			}
			continue
		case tokenObject:
			keys.open()
		}
		if len(r.open) > l.Depth {
			return l.refuseDepth()
		}
		if values++; values > l.Elements {
			return l.refuseElements()
		}
		if err := l.checkScalar(&r, kind); err != nil {
			return err
		}
	}
}

func (l GuardLimits) checkKey(r *jsonReader, keys *keySet) error {
	if err := l.checkScalar(r, tokenString); err != nil {
		return err
	}
	key := r.raw
	if r.escaped {
		key = appendUnescaped(nil, key)
	}
	if !keys.add(key) {
		return refuseTwice(key)
	}
	return nil
}

// checkScalar checks what the grammar leaves open in strings and numbers.
func (l GuardLimits) checkScalar(r *jsonReader, kind token) error {
	switch kind {
	case tokenString:
		if len(r.raw) > l.String {
			return l.refuseString()
		}
		if r.lone {
			return refuse("the frame holds half a surrogate pair at byte %d: escape both halves", r.start)
		}
	case tokenNumber:
		if r.integer && len(r.raw) <= 20 {
			return nil
		}
		if _, err := strconv.ParseFloat(string(r.raw), 64); err != nil {
			return refuse("the number at byte %d is too large: numbers must be finite", r.start)
		}
	}
	return nil
}

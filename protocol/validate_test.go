package protocol_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/towline-dev/towline/protocol"
	"pgregory.net/rapid"
)

func TestValidIDs(t *testing.T) {
	for id, want := range map[string][2]bool{ // session id, command id
		"": {}, "a": {true, true}, ".": {false, true}, "..": {false, true}, "...": {true, true}, "A.b_c-9": {true, true}, "a:b": {false, true},
		"a/b": {}, "a b": {}, "a\n": {}, "é": {}, "a\x00": {}, "%41": {}, strings.Repeat("a", 64): {true, true}, strings.Repeat("a", 65): {false, true},
		strings.Repeat("a", 128): {false, true}, strings.Repeat("a", 129): {},
	} {
		if got := [2]bool{ValidSessionID(id), ValidCommandID(id)}; got != want {
			t.Errorf("%.70q: got %v, want %v", id, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	prompt := func(p Part) *Prompt { return &Prompt{Content: []Part{p}} }
	type validator interface{ Validate() error }
	for name, c := range map[string]struct {
		v  validator
		ok bool
	}{
		"text":                     {&Prompt{Text: "x"}, true},
		"every delivery":           {&Prompt{Text: "x", Delivery: DeliverReject}, true},
		"unknown delivery":         {&Prompt{Text: "x", Delivery: "now"}, false},
		"empty prompt":             {&Prompt{}, false},
		"text and content":         {&Prompt{Text: "x", Content: []Part{TextPart("y")}}, false},
		"empty text part":          {prompt(TextPart("")), false},
		"image data":               {prompt(Part{Type: PartImage, Mime: "image/png", Data: []byte{1}}), true},
		"image data without mime":  {prompt(Part{Type: PartImage, Data: []byte{1}}), false},
		"image blob":               {prompt(Part{Type: PartImage, Blob: &Blob{ID: "b1"}}), true},
		"image blob without id":    {prompt(Part{Type: PartImage, Blob: &Blob{}}), false},
		"image url":                {prompt(Part{Type: PartImage, URL: "https://example.com/a.png"}), true},
		"empty image":              {prompt(Part{Type: PartImage}), false},
		"file path":                {prompt(Part{Type: PartFile, Path: "a"}), true},
		"file url":                 {prompt(Part{Type: PartFile, URL: "u"}), false},
		"link":                     {prompt(Part{Type: PartResourceLink, URL: "u"}), true},
		"link without url":         {prompt(Part{Type: PartResourceLink}), false},
		"a part for agents":        {prompt(Part{Type: PartDiff}), false},
		"a part without type":      {prompt(Part{Text: "x"}), false},
		"withdraw":                 {&PromptWithdraw{PromptID: "m1"}, true},
		"withdraw nothing":         {&PromptWithdraw{}, false},
		"decide by option":         {&PermissionDecide{PermissionID: "p1", OptionID: "o"}, true},
		"decide by decision":       {&PermissionDecide{PermissionID: "p1", Decision: Allow, Scope: ScopeAlways}, true},
		"decide nothing":           {&PermissionDecide{PermissionID: "p1"}, false},
		"decide what":              {&PermissionDecide{OptionID: "o"}, false},
		"decide twice":             {&PermissionDecide{PermissionID: "p1", OptionID: "o", Decision: Deny}, false},
		"unknown decision":         {&PermissionDecide{PermissionID: "p1", Decision: "yes"}, false},
		"unknown scope":            {&PermissionDecide{PermissionID: "p1", Decision: Allow, Scope: "ever"}, false},
		"answer":                   {&QuestionAnswer{QuestionID: "q1", Answers: [][]string{{}}}, true},
		"answer nothing":           {&QuestionAnswer{QuestionID: "q1"}, false},
		"answer null":              {&QuestionAnswer{QuestionID: "q1", Answers: [][]string{nil}}, false},
		"answer what":              {&QuestionAnswer{Answers: [][]string{{}}}, false},
		"reject":                   {&QuestionReject{QuestionID: "q1"}, true},
		"reject what":              {&QuestionReject{}, false},
		"configure":                {&SessionConfigure{Title: ptr("")}, true},
		"configure nothing":        {&SessionConfigure{}, false},
		"create":                   {&SessionCreate{Agent: "mock"}, true},
		"create with id":           {&SessionCreate{Agent: "mock", SessionID: "s"}, true},
		"create with a bad id":     {&SessionCreate{Agent: "mock", SessionID: "../s"}, false},
		"create without agent":     {&SessionCreate{}, false},
		"attach":                   {&SessionAttach{SessionID: "s", View: ViewAsks}, true},
		"attach to nothing":        {&SessionAttach{}, false},
		"attach with unknown view": {&SessionAttach{SessionID: "s", View: "most"}, false},
		"read":                     {&EventsRead{After: ptr(uint64(1)), Limit: 5}, true},
		"read both ways":           {&EventsRead{After: ptr(uint64(1)), Before: ptr(uint64(1))}, false},
		"read less than nothing":   {&EventsRead{Limit: -1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.v.Validate()
			if c.ok && err != nil || !c.ok && CodeOf(err) != CodeInvalidRequest {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestS16_EscapeTitle(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 5, ""},
		{"plain", 5, "plain"},
		{"longer", 5, "long…"},
		{"日本語です", 4, "日本語…"},
		{"日本語で", 4, "日本語で"},
		{"a", 0, ""},
		{"ab", 1, "…"},
		{"two\nlines\t", 40, `two\u{a}lines\u{9}`},
		{"\x1b[2K\x1b[1Aok", 40, `\u{1b}[2K\u{1b}[1Aok`},
		{"rm \u202etxt.exe\u2066", 40, `rm \u{202e}txt.exe\u{2066}`},
		{"\u200f\u061c\u200b\ufeff\u2028\u0085\u007f", 80, `\u{200f}\u{61c}\u{200b}\u{feff}\u{2028}\u{85}\u{7f}`},
		{"tag\U000e0041", 80, `tag\u{e0041}`},
		{"👩\u200d💻", 5, "👩\u200d💻"},
		{"ab\x1bcd", 6, "ab…"},
		{"\xff", 5, "\uFFFD"},
	} {
		if got := EscapeTitle(c.in, c.max); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in, limit := string(rapid.SliceOf(rapid.Byte()).Draw(t, "in")), rapid.IntRange(0, 30).Draw(t, "max")
		got := EscapeTitle(in, limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit || strings.ContainsAny(got, "\x00\x1b\n\u202e") {
			t.Fatalf("got %q", got)
		}
	})
}

func TestPreview(t *testing.T) {
	for _, c := range []struct {
		parts []Part
		want  string
	}{
		{nil, ""},
		{[]Part{TextPart("short")}, "short"},
		{[]Part{TextPart("longer than that")}, "longer tha"},
		{[]Part{TextPart("日本語日本語日本語日本語")}, "日本語日本語日本語日"},
		{[]Part{TextPart("a"), {Type: PartImage}, TextPart("b")}, "a [image] "},
		{[]Part{TextPart(strings.Repeat("x", 1<<20)), TextPart("y")}, "xxxxxxxxxx"},
		{[]Part{TextPart("\xff")}, "\uFFFD"},
	} {
		if got := Preview(c.parts, 10); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

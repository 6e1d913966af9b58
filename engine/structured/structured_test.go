package structured_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"vitrine/engine/structured"
)

// bytesVocabulary has a token for each byte, the given ones, an end token and a
// special one.
type bytesVocabulary struct{ texts [][]byte }

const eos = 0

func vocabularyOf(more ...string) *bytesVocabulary {
	v := &bytesVocabulary{texts: [][]byte{eos: []byte("</s>"), 1: []byte("<s>")}}
	for b := range 256 {
		v.texts = append(v.texts, []byte{byte(b)})
	}
	for _, s := range more {
		v.texts = append(v.texts, []byte(s))
	}
	return v
}

func (v *bytesVocabulary) VocabSize() int          { return len(v.texts) }
func (v *bytesVocabulary) Bytes(id int32) []byte   { return v.texts[id] }
func (v *bytesVocabulary) IsSpecial(id int32) bool { return id < 2 }
func (v *bytesVocabulary) EOSIDs() []int32         { return []int32{eos} }

// pieces are tokens that cut characters, words and JSON at odd places.
var pieces = []string{
	`{"`, `"}`, `": `, `":`, `", "`, `",`, `,"`, `]}`, `}}`, `[[`, `{}`, `[]`, "  ", "    ", "\n  ", "true", "fal", "se", "null", `"name`, "a", "ab", "abc",
	"bb", "the", " the", "ing", "10", "123", "00", ".5", "e1", `\"`, `\u00`, `\n`, `"a"`, "世", "世界", "\xe4\xb8", "\xb8\x96", "\xf0\x9f", "\x98\x80", "é", "\xc3",
	"<|x|>", "-1", "2024-", "-12-", "x", "y", "id", "key", "ab",
}

var tokens = vocabularyOf(pieces...)

func compiler() *structured.Compiler {
	return structured.NewCompiler(structured.NewVocabulary(tokens, tokens.VocabSize()+70))
}

func has(mask []uint64, id int32) bool { return mask[id/64]>>(id%64)&1 != 0 }

// set lists the tokens of a mask.
func set(mask []uint64) (ids []int32) {
	for i := range int32(len(mask) * 64) {
		if has(mask, i) {
			ids = append(ids, i)
		}
	}
	return ids
}

// write draws a text of a constraint at random. It ends when it can, more
// eagerly the longer the text is. ok is false if it grew too long.
func write(t testing.TB, c *structured.Constraint, r *rand.Rand, most int) (text string, ok bool) {
	t.Helper()
	m := c.Start()
	var b []byte
	for n := 0; ; n++ {
		if m.Complete() {
			return string(b), true
		}
		mask, err := m.Mask()
		if err != nil {
			t.Fatalf("after %q: %v", b, err)
		}
		ids := set(mask)
		if len(ids) == 0 {
			t.Fatalf("nothing may follow %q", b)
		}
		if has(mask, eos) != m.MayEnd() {
			t.Fatalf("after %q the end is allowed: %v, may end: %v", b, has(mask, eos), m.MayEnd())
		}
		if n > most {
			return string(b), false
		}
		id := ids[r.IntN(len(ids))]
		// What closes something is dearer the longer the text.
		for range n / 8 {
			if other := ids[r.IntN(len(ids))]; other == eos || bytes.ContainsAny(tokens.texts[other], `"]}`) && !bytes.ContainsAny(tokens.texts[other], `\[{,`) {
				id = other
				break
			}
		}
		if err := m.Accept(id); err != nil {
			t.Fatalf("after %q token %d %q is in the mask: %v", b, id, tokens.texts[id], err)
		}
		if id == eos {
			return string(b), true
		}
		b = append(b, tokens.texts[id]...)
	}
}

// A mask has exactly the tokens that can be accepted.
func checkMask(t testing.TB, m *structured.Matcher, after string) {
	t.Helper()
	mask, err := m.Mask()
	if err != nil {
		t.Fatalf("after %q: %v", after, err)
	}
	for id := range int32(len(mask) * 64) {
		err := m.Clone().Accept(id)
		if has(mask, id) != (err == nil) {
			t.Fatalf("after %q token %d: in the mask %v, accepted: %v", after, id, has(mask, id), err)
		}
	}
}

var expressions = []string{
	`a*`, `(ab|a)(bc|c)?`, `[a-c]{2,5}x`, `\d{3}-\d{4}`, `[^a]`, `.`, `.*`, `(?s).`, `(?i)the`, `世界?`, `[é世😀]+`, `[α-ω]{1,3}`, `^abc$`, `^(a|b)$|^the`, `(^a|b$)`,
	`\p{Greek}`, `[[:alpha:]]+`, `a?b?c?`, `(a|b)*abb`, `()`, `(|a)`, `a{0}`, `x{3}`, `\x{10FFFF}`, `[\x{80}-\x{10FFFF}]`, `(a+)+b`, `"[^"\\]*"`, `[\x00-\x1f]`, `\w+@\w+\.com`,
}

// What is written matches the expression as a whole, by Go's package regexp, and
// a random text is accepted byte for byte if and only if it matches.
func TestRegexAgainstRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, expression := range expressions {
		c, err := compiler().Compile(structured.Spec{Regex: expression})
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		judge := regexp.MustCompile(`\A(?:` + expression + `)\z`)
		for range 30 {
			text, ok := write(t, c, r, 60)
			if ok && !judge.MatchString(text) {
				t.Errorf("%s: wrote %q, which it does not match", expression, text)
			}
			for range 4 { // and what is nearly that
				near := []byte(text)
				switch at := r.IntN(len(near) + 1); r.IntN(3) {
				case 0:
					near = slices.Insert(near, at, "ab\xe4世c1-x\n"[r.IntN(10)])
				case 1:
					near = slices.Delete(near, min(at, max(len(near)-1, 0)), min(at+1, len(near)))
				}
				m, accepted := c.Start(), true
				for _, b := range near {
					accepted = accepted && m.Accept(2+int32(b)) == nil
				}
				if accepted = accepted && m.MayEnd(); accepted != (judge.Match(near) && bytes.Equal(near, bytes.ToValidUTF8(near, nil))) {
					t.Errorf("%s: %q accepted: %v", expression, near, accepted)
				}
			}
		}
		checkMask(t, c.Start(), "")
	}
}

func TestChoice(t *testing.T) {
	texts := []string{"yes", "no", "no way", "世界", "世", "y", "yes"}
	c, err := compiler().Compile(structured.Spec{Choice: texts})
	if err != nil {
		t.Fatal(err)
	}
	r, seen := rand.New(rand.NewPCG(1, 3)), map[string]bool{}
	for range 300 {
		text, ok := write(t, c, r, 20)
		if !ok || !slices.Contains(texts, text) {
			t.Fatalf("wrote %q", text)
		}
		seen[text] = true
	}
	if len(seen) != 6 {
		t.Errorf("only ever wrote %v", seen)
	}
}

// judge compiles a schema with the library.
func judge(t testing.TB, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return s
}

func validate(t testing.TB, s *jsonschema.Schema, schema, text string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: wrote %q: %v", schema, text, err)
	}
	if err := s.Validate(value); err != nil {
		t.Fatalf("%s: wrote %q: %v", schema, text, err)
	}
	if !json.Valid([]byte(text)) {
		t.Fatalf("%s: wrote %q, which encoding/json refuses", schema, text)
	}
}

var schemas = []string{
	`{}`, `true`, `{"type":"object"}`, `{"type":["string","null"]}`, `{"type":"integer"}`, `{"type":"number"}`, `{"type":"boolean"}`,
	`{"type":"string","minLength":2,"maxLength":4}`, `{"type":"string","maxLength":0}`, `{"type":"string","pattern":"^[a-c\"\\\\\\n]{1,3}$"}`, `{"type":"string","pattern":"ab"}`,
	`{"type":"string","format":"date"}`, `{"type":"string","format":"date-time"}`, `{"type":"string","format":"uuid"}`, `{"type":"string","format":"ipv4"}`, `{"type":"string","format":"time"}`,
	`{"type":"string","format":"ipv6"}`, `{"type":"string","format":"hostname"}`, `{"type":"string","format":"email"}`, `{"type":"string","format":"duration"}`, `{"type":"string","format":"uri"}`,
	`{"type":"integer","multipleOf":7}`, `{"type":"integer","multipleOf":1000,"minimum":-5000}`, `{"type":"number","multipleOf":0.01}`, `{"type":"number","multipleOf":0.25,"minimum":-1.1,"exclusiveMaximum":3}`,
	`{"type":"number","multipleOf":12,"exclusiveMinimum":0.5}`, `{"type":"integer","multipleOf":0.6}`, `{"type":"number","multipleOf":0.5,"minimum":0.1234,"maximum":7.77}`, `{"multipleOf":2e2}`,
	`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string","maxLength":2}]}`, `{"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"minItems":2,"maxItems":2}`,
	`{"type":"array","prefixItems":[{"type":"boolean"}],"items":{"type":"integer"}}`, `{"type":"array","prefixItems":[{"type":"boolean"}],"items":false,"minItems":1}`, `{"prefixItems":[{"const":1}],"minItems":3,"maxItems":4}`,
	`{"type":"integer","minimum":-13,"maximum":205}`, `{"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":11}`, `{"type":"integer","minimum":1000}`, `{"type":"integer","maximum":-7}`,
	`{"type":"number","minimum":0.25,"maximum":0.75}`, `{"type":"number","exclusiveMinimum":-1.5,"exclusiveMaximum":1e1}`, `{"type":"number","minimum":3,"exclusiveMaximum":3.01}`, `{"type":"number","exclusiveMinimum":0}`, `{"type":"number","maximum":-0.001}`,
	`{"type":"integer","minimum":0.5,"maximum":1.5}`,
	`{"enum":["a",1,1.5,null,{"b":[true,"\"\n"]},[]]}`, `{"const":{"a":"b"}}`, `{"type":"string","enum":["a",1,"bcd"],"minLength":2}`,
	`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}`, `{"type":"array","maxItems":0}`, `{"type":"array","items":false}`, `{"type":"array","minItems":2}`,
	`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}},"required":["name"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"null"},"b":false,"c":{"type":"null"}}}`,
	`{"type":"object","properties":{"a":{"type":"null"},"ab":{"type":"null"},"é":{"type":"null"}},"additionalProperties":{"type":"integer"}}`,
	`{"type":"object","required":["x","y"],"properties":{"y":{"type":"boolean"}}}`, `{"type":"object","required":["x"],"additionalProperties":{"type":"null"}}`,
	`{"type":"object","properties":{"quo\"te\\\n":{"type":"null"}},"required":["quo\"te\\\n"],"additionalProperties":true}`,
	`{"anyOf":[{"type":"string","maxLength":2},{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}]}`,
	`{"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"x":{"type":"integer"}},"required":["kind","x"]},{"type":"object","properties":{"kind":{"const":"b"}},"required":["kind"]}]}`,
	`{"oneOf":[{"type":"object","properties":{"x":{"type":"null"}},"required":["x"]},{"type":"object","properties":{"y":{"type":"null"}},"additionalProperties":false}]}`,
	`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}}`,
	`{"type":"array","items":{"$ref":"#"}}`, `{"allOf":[{"$ref":"#/$defs/a"}],"title":"t","$defs":{"a":{"type":"string","maxLength":1}}}`,
	`{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"},"minItems":1},{"type":"null"}]}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","$id":"https://example.com/x","definitions":{"a":{"type":"null"}},"type":"object","properties":{"p":{"$ref":"#/definitions/a"}},"required":["p"]}`,
	`{"minLength":1}`, `{"properties":{"a":{"const":1}},"items":{"type":"null"}}`,
}

func TestSchemasAreKept(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, schema := range schemas {
		c, err := compiler().Compile(structured.Spec{JSON: schema})
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		s, whole, texts := judge(t, schema), 0, map[string]bool{}
		for range 40 {
			text, ok := write(t, c, r, 400)
			if !ok {
				continue
			}
			whole++
			texts[text] = true
			validate(t, s, schema, text)
		}
		if whole < 20 {
			t.Errorf("%s: only %d of 40 texts ended", schema, whole)
		}
		t.Logf("%s: %d texts, such as %.80s", schema, len(texts), first(texts))
	}
}

func first(texts map[string]bool) string {
	for s := range texts {
		return s
	}
	return ""
}

func TestJSONObject(t *testing.T) {
	c, err := compiler().Compile(structured.Spec{JSONObject: true})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 7))
	for range 100 {
		text, ok := write(t, c, r, 400)
		if !ok {
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("wrote %q: %v", text, err)
		}
	}
}

// The texts that a schema describes are accepted, however tokens cut them.
func TestAccepts(t *testing.T) {
	const schema = `{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"n":{"type":"number","minimum":-2.5,"maximum":1000}},"required":["name"]}`
	c, err := compiler().Compile(structured.Spec{JSON: schema})
	if err != nil {
		t.Fatal(err)
	}
	follows := func(text string) bool {
		m := c.Start()
		for _, b := range []byte(text) {
			if m.Accept(2+int32(b)) != nil {
				return false
			}
		}
		return m.MayEnd()
	}
	for _, text := range []string{
		`{"name":"a"}`, `{"name": "世界 \u00e9\"", "tags": [], "n": -2.5}`, "{\n  \"name\": \"x\",\n  \"tags\": [\n    \"a\",\n    \"b\"\n  ],\n  \"n\": 999.99\n}", `{"name":"","n":1000.0}`, `{"name":"","n":0}`, `{"name":"","n":-0.5}`,
	} {
		if !follows(text) {
			t.Errorf("refused %s", text)
		}
	}
	for _, text := range []string{
		`{}`, `{"tags":[]}`, `{"name":"a",}`, `{"name":"a"`, `{"name":1}`, `{"name":"a","x":1}`, `{"name":"a","n":1000.01}`, `{"name":"a","n":-2.51}`, `{"name":"a","n":01}`, "{\"name\":\"\x80\"}", "{\"name\":\"\xed\xa0\x80\"}", "{\"name\":\"\n\"}", `{"name":"\ud800"}`, `{"n":1,"name":"a"}`,
	} {
		if follows(text) {
			t.Errorf("accepted %s", text)
		}
	}
}

// What cannot be followed is refused with the place, and at once.
func TestRefused(t *testing.T) {
	deep := strings.Repeat(`{"items":`, 5000) + `{}` + strings.Repeat(`}`, 5000)
	var wide, chain strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&wide, `"p%d":{"type":"string"},`, i)
	}
	for i := range 1200 {
		fmt.Fprintf(&chain, `"d%d":{"type":"object","properties":{"x":{"$ref":"#/$defs/d%d"}},"required":["x"]},`, i, i+1)
	}
	for _, c := range []struct {
		name    string
		spec    structured.Spec
		pointer string
		want    string
	}{
		{"nothing", structured.Spec{}, "", "exactly one"},
		{"two", structured.Spec{JSONObject: true, Regex: "a"}, "", "exactly one"},
		{"no choice", structured.Spec{Choice: []string{}}, "", "at least one"},
		{"empty choice", structured.Spec{Choice: []string{"a", ""}}, "", "empty text"},
		{"invalid choice", structured.Spec{Choice: []string{"\xff"}}, "", "UTF-8"},
		{"long", structured.Spec{Regex: strings.Repeat("a", 2<<20)}, "", "bytes long"},
		{"many choices", structured.Spec{Choice: []string{strings.Repeat("ab", 1<<18), strings.Repeat("ac", 1<<17)}}, "", "too large"},
		{"no regex", structured.Spec{Regex: "a("}, "", "missing closing"},
		{"word boundary", structured.Spec{Regex: `a\bb`}, "", `\b`},
		{"line anchor", structured.Spec{Regex: `(?m)^a`}, "", "not supported"},
		{"anchor inside", structured.Spec{Regex: `a$b`}, "", "ends only"},
		{"repeated anchor", structured.Spec{Regex: `(a$)*`}, "", "ends only"},
		{"empty class", structured.Spec{Regex: `[^\x00-\x{10FFFF}]`}, "", "no value"},
		{"repeats", structured.Spec{Regex: `((a{100}){100}){100}`}, "", "repeat"},
		{"large", structured.Spec{Regex: `([α-ω]{900}|[a-z]{900}){1,1}` + strings.Repeat(`(\pL{900})`, 40)}, "", "too large"},
		{"no JSON", structured.Spec{JSON: `{"type":`}, "", "not JSON"},
		{"two values", structured.Spec{JSON: `{} {}`}, "", "not JSON"},
		{"twice", structured.Spec{JSON: `{"type":"string","type":"null"}`}, "/type", "twice"},
		{"no schema", structured.Spec{JSON: `[1]`}, "", "no JSON schema"},
		{"wrong type", structured.Spec{JSON: `{"properties":{"a":{"type":"text"}}}`}, "/properties/a/type", "no JSON schema"},
		{"wrong count", structured.Spec{JSON: `{"minItems":-1}`}, "/minItems", "no JSON schema"},
		{"unknown", structured.Spec{JSON: `{"properties":{"a/b":{"contains":{}}}}`}, "/properties/a~1b/contains", "not supported"},
		{"step of nothing", structured.Spec{JSON: `{"multipleOf":0}`}, "/multipleOf", ""},
		{"fine step", structured.Spec{JSON: `{"multipleOf":0.1234}`}, "/multipleOf", "at most 1000"},
		{"no multiple", structured.Spec{JSON: `{"type":"integer","multipleOf":10,"minimum":1,"maximum":9}`}, "", "no value"},
		{"unknown in a branch", structured.Spec{JSON: `{"anyOf":[{"type":"null"},{"not":{}}]}`}, "/anyOf/1/not", "not supported"},
		{"unique", structured.Spec{JSON: `{"type":"array","uniqueItems":true}`}, "/uniqueItems", "not supported"},
		{"patternProperties", structured.Spec{JSON: `{"patternProperties":{}}`}, "/patternProperties", "not supported"},
		{"format", structured.Spec{JSON: `{"type":"string","format":"iri"}`}, "/format", "iri"},
		{"pattern", structured.Spec{JSON: `{"type":"string","pattern":"a\\b"}`}, "/pattern", "not supported"},
		{"pattern and length", structured.Spec{JSON: `{"type":"string","pattern":"a","minLength":3}`}, "/minLength", "beside pattern"},
		{"anyOf and type", structured.Spec{JSON: `{"type":"string","anyOf":[{}]}`}, "/type", "beside anyOf"},
		{"allOf", structured.Spec{JSON: `{"allOf":[{},{}]}`}, "/allOf", "several"},
		{"oneOf", structured.Spec{JSON: `{"oneOf":[{"type":"integer"},{"type":"number"}]}`}, "/oneOf/1", "anyOf"},
		{"oneOf by value", structured.Spec{JSON: `{"oneOf":[{"const":1},{"enum":[2,1.0]}]}`}, "/oneOf/1", "anyOf"},
		{"listed items of an older draft", structured.Spec{JSON: `{"$schema":"http://json-schema.org/draft-07/schema#","prefixItems":[{"type":"boolean"}],"items":{"type":"integer"}}`}, "/prefixItems", "2020-12"},
		{"items list", structured.Spec{JSON: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[{}]}`}, "/items", "list"},
		{"elsewhere", structured.Spec{JSON: `{"$ref":"https://example.com/x"}`}, "", "somewhere else"},
		{"a file", structured.Spec{JSON: `{"$ref":"file:///etc/passwd"}`}, "", "somewhere else"},
		{"nowhere", structured.Spec{JSON: `{"$ref":"#/$defs/a"}`}, "", ""},
		{"itself", structured.Spec{JSON: `{"$ref":"#"}`}, "", "back to itself"},
		{"itself in a branch", structured.Spec{JSON: `{"anyOf":[{"$ref":"#"},{"type":"null"}]}`}, "", "back to itself"},
		{"without base", structured.Spec{JSON: `{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"x":{"$ref":"#/$defs/a"}},"required":["x"]}}}`}, "/$defs/a", "no value"},
		{"without base, in turn", structured.Spec{JSON: `{"properties":{"p":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/a"}}},"required":["p"],"$defs":{"a":{"type":"object","properties":{"x":{"$ref":"#/properties/p"}},"required":["x"]}}}`}, "/$defs/a", "no value"},
		{"empty range", structured.Spec{JSON: `{"type":"object","properties":{"a":{"type":"integer","minimum":3,"maximum":2}},"required":["a"]}`}, "/properties/a", "no value"},
		{"empty lengths", structured.Spec{JSON: `{"type":"string","minLength":3,"maxLength":2}`}, "/maxLength", "less"},
		{"false", structured.Spec{JSON: `{"type":"object","properties":{"a":false},"required":["a"]}`}, "/properties/a", "no value"},
		{"forbidden", structured.Spec{JSON: `{"type":"object","required":["b"],"additionalProperties":false}`}, "/required/0", "forbids"},
		{"no enum", structured.Spec{JSON: `{"type":"string","enum":[1,2]}`}, "", "no value"},
		{"many items", structured.Spec{JSON: `{"type":"array","minItems":99999999999}`}, "", "too large"},
		{"long string", structured.Spec{JSON: `{"type":"string","maxLength":1e9}`}, "", "too large"},
		{"huge bound", structured.Spec{JSON: `{"type":"number","minimum":1e999999999}`}, "/minimum", ""},
		{"deep", structured.Spec{JSON: deep}, strings.Repeat("/items", 200), "nests"},
		{"wide", structured.Spec{JSON: `{"properties":{` + strings.TrimSuffix(wide.String(), ",") + `}}`}, "*", "too large"},
		{"chain", structured.Spec{JSON: `{"$ref":"#/$defs/d0","$defs":{` + chain.String() + `"d1200":{}}}`}, "*", "no value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			_, err := compiler().Compile(c.spec)
			if took := time.Since(begin); took > 2*time.Minute {
				t.Errorf("took %v", took)
			} else if took > time.Second {
				t.Logf("took %v", took)
			}
			var bad *structured.Error
			if errors.Is(err, structured.ErrTooComplex) {
				return
			}
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if bad.Pointer != c.pointer && c.pointer != "*" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q: %v; want %q and %q", bad.Pointer, err, c.pointer, c.want)
			}
		})
	}
}

// What is of a format, a multiple or a listed item can be written, and what is not cannot.
func TestWhatCanBeWritten(t *testing.T) {
	for _, c := range []struct{ schema, can, cannot string }{
		{`{"multipleOf":0.25}`, `0 -0.25 1.75 12 -3.5 1000.00`, `0.1 1.7 1.251 1e2 .25`},
		{`{"type":"integer","multipleOf":15}`, `0 15 -30 12345 150000000000`, `1 16 15.0 014`},
		{`{"type":"integer","multipleOf":7,"minimum":100,"maximum":120}`, `105 112 119`, `98 100 126 1050`},
		{`{"format":"email"}`, `"a@b.c" "x.y+z@ex-ample.org"`, `"a@" "@b" "a..b@c" "a@-b" "a@b-"`},
		{`{"format":"hostname"}`, `"a" "www.example.com"`, `"" "-a" "a..b" "a_b"`},
		{`{"format":"ipv6"}`, `"::" "::1" "1::" "2001:db8::ff" "1:2:3:4:5:6:7:8" "1:2:3:4:5:6:7::"`, `"1" ":::" "1:2:3:4:5:6:7" "1::2::3" "12345::" "1:2:3:4:5:6:7:8::"`},
		{`{"format":"duration"}`, `"P1Y" "P1Y2M3DT4H5M6S" "PT1M" "P2W" "P3DT1S"`, `"P" "PT" "P1YT" "P1Y2D" "PT1H1S" "P1W1D"`},
		{`{"format":"uri"}`, `"https://example.com" "http://a.b:8080/x/y?z=1#q"`, `"example.com" "http://" "http://a b"`},
		{`{"prefixItems":[{"type":"integer"},{"type":"null"}],"minItems":1}`, `[1] [1,null]`, `[] [null] [1,2] [1,null,1]`},
		{`{"prefixItems":[{"type":"integer"}],"items":{"type":"null"}}`, `[] [1] [1,null,null]`, `[null] [1,1]`},
	} {
		compiled, err := compiler().Compile(structured.Spec{JSON: c.schema})
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		written := func(text string) bool {
			m := compiled.Start()
			for _, b := range []byte(text) {
				if m.Accept(2+int32(b)) != nil {
					return false
				}
			}
			return m.MayEnd()
		}
		for _, text := range strings.Fields(c.can) {
			if !written(text) {
				t.Errorf("%s: %s cannot be written", c.schema, text)
			}
		}
		for _, text := range strings.Fields(c.cannot) {
			if written(text) {
				t.Errorf("%s: %s can be written", c.schema, text)
			}
		}
	}
}

// Limits of hundreds of digits are limits like others: to the last digit.
func TestLongLimits(t *testing.T) {
	for _, digits := range []int{100, 258, 300, 399} {
		nines := strings.Repeat("9", digits-1)
		for _, c := range []struct{ schema, can, cannot string }{
			{`{"type":"number","minimum":0.` + nines + `5}`, `0.` + nines + `5 0.` + nines + `51 0.` + nines + `9 1 12.5`, `0.` + nines + ` 0.` + nines + `4 0.` + nines + `499 0`},
			{`{"type":"number","exclusiveMaximum":0.` + nines + `5}`, `0.` + nines + ` 0.` + nines + `4999 -7`, `0.` + nines + `5 1`},
			{`{"type":"number","minimum":-0.` + nines + `5,"maximum":0.` + nines + `5}`, `0.` + nines + `5 -0.` + nines + `5 0`, `-0.` + nines + `51 0.` + nines + `6`},
			{`{"type":"integer","minimum":` + nines + `5}`, nines + `5 ` + nines + `9 1` + nines + `5`, nines + `4 ` + nines},
			{`{"type":"integer","maximum":` + nines + `5}`, nines + `5 ` + nines + ` -1`, nines + `6 1` + nines + `0`},
			{`{"type":"number","minimum":1e-` + strconv.Itoa(digits) + `}`, `0.` + strings.Repeat("0", digits-1) + `1 1`, `0.` + strings.Repeat("0", digits-1) + `09 0`},
		} {
			compiled, err := compiler().Compile(structured.Spec{JSON: c.schema})
			if err != nil {
				t.Errorf("%d digits: %.40s…: %v", digits, c.schema, err)
				continue
			}
			for texts, want := range map[string]bool{c.can: true, c.cannot: false} {
				for _, text := range strings.Fields(texts) {
					m, taken := compiled.Start(), true
					for _, b := range []byte(text) {
						taken = taken && m.Accept(2+int32(b)) == nil
					}
					if got := taken && m.MayEnd(); got != want {
						t.Errorf("%d digits: %.40s…: …%s can be written: %v, want %v", digits, c.schema, text[max(0, len(text)-12):], got, want)
					}
				}
			}
		}
	}
}

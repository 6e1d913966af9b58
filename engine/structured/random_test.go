package structured_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"vitrine/engine/structured"
	"vitrine/engine/structured/schematest"
)

// Hundreds of random schemas: whatever is written is valid by the library, and
// masks say exactly what is accepted.
func TestRandomSchemas(t *testing.T) {
	r := rand.New(rand.NewPCG(77, 1))
	schemas := 400
	if testing.Short() {
		schemas = 60
	}
	whole := 0
	for range schemas {
		schema := schematest.Random(r, 3)
		c, err := compiler().Compile(structured.Spec{JSON: schema})
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		judge := judge(t, schema)
		for range 3 {
			text, ok := write(t, c, r, 300)
			if ok {
				whole++
				validate(t, judge, schema, text)
			}
		}
		checkMask(t, c.Start(), schema)
	}
	if whole < 2*schemas {
		t.Errorf("only %d of %d texts ended", whole, 3*schemas)
	}
}

// A text that nests as deep as it may can still be ended, also where a schema
// asks for values that nest more than others.
func TestDepthIsBounded(t *testing.T) {
	for _, schema := range []string{
		`{}`,
		`{"type":"array","items":{"$ref":"#"}}`,
		`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/b"},"minItems":1}]},
		  "b":{"type":"object","properties":{"x":{"$ref":"#/$defs/a"},"y":{"type":"array","items":{"type":"array","items":{"type":"null"},"minItems":1},"minItems":1}},"required":["x","y"]}}}`,
	} {
		c, err := compiler().Compile(structured.Spec{JSON: schema})
		if err != nil {
			t.Fatal(err)
		}
		m, judge := c.Start(), judge(t, schema)
		var text []byte
		opened := 0
		accept := func(b byte) bool {
			if m.Accept(2+int32(b)) != nil {
				return false
			}
			text = append(text, b)
			return true
		}
		for range 20000 { // opens what can be opened, and then closes what can be closed
			if m.Complete() {
				break
			}
			done := false
			for _, b := range []byte(`[{]},:"xy0nul`) {
				if done = accept(b); done {
					if b == '[' || b == '{' {
						opened++
					}
					break
				}
			}
			if !done {
				t.Fatalf("%s: nothing goes on behind %d bytes, … %q", schema, len(text), text[max(0, len(text)-40):])
			}
			if opened > 100_000 {
				t.Fatalf("%s: there is no end to it", schema)
			}
		}
		if m.Complete() {
			validate(t, judge, schema, string(text))
		}
		if opened < 60 {
			t.Errorf("%s: %d brackets were opened at most", schema, opened)
		}
	}
}

// An expression whose automaton would be far too large is followed for as long
// as it can be, or given up in good time, and never for ever.
func TestHostileExpressions(t *testing.T) {
	for _, expression := range []string{
		`(a|b)*a(a|b){30}`, `(.*)(.*)(.*)(.*)(.*)(.*)(.*)x`, `(.*.{900}.*.{900}.*.{900}x)|(.*a.*b.{900}.*c)`, `((a?){30}){30}b`, `(x+x+)+y`, `[^b]{0,1000}b[^a]{0,999}(a|b)*`,
	} {
		c, err := compiler().Compile(structured.Spec{Regex: expression})
		if err != nil {
			t.Logf("%s: %v", expression, err)
			continue
		}
		judge := regexp.MustCompile(`\A(?:` + expression + `)\z`)
		m, r := c.Start(), rand.New(rand.NewPCG(1, 8))
		var text []byte
		for range 60 {
			if m.MayEnd() != judge.Match(text) {
				t.Fatalf("%s: %q may end: %v", expression, text, m.MayEnd())
			}
			if _, err := m.Mask(); errors.Is(err, structured.ErrTooComplex) {
				t.Logf("%s: given up behind %d bytes", expression, len(text))
				break
			}
			b := "ab"[r.IntN(2)]
			if err := m.Accept(2 + int32(b)); err != nil {
				break
			}
			text = append(text, b)
		}
	}
}

// What a machine remembers is bounded, and forgetting changes nothing.
func TestForgetting(t *testing.T) {
	c, err := compiler().Compile(structured.Spec{Regex: `([ab]*a[ab]{40}[0-9])*`})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	old := c.Start() // stands still while others go on
	accept := func(m *structured.Matcher, text string) bool {
		for _, b := range []byte(text) {
			if m.Accept(2+int32(b)) != nil {
				return false
			}
		}
		return true
	}
	if !accept(old, "ab") {
		t.Fatal("refused")
	}
	for range 3 {
		m := c.Start()
		for range 4000 {
			if _, err := m.Mask(); err != nil {
				t.Fatal(err)
			}
			if m.Accept(2+int32("ab"[r.IntN(2)])) != nil {
				t.Fatal("refused")
			}
		}
	}
	if c.Forgotten() == 0 {
		t.Error("nothing was forgotten: the test shows less than it should")
	}
	if held, bound := c.Held(); held > 2*bound {
		t.Errorf("%d bytes are remembered, want about %d at most", held, bound)
	}
	if accept(old.Clone(), strings.Repeat("b", 40)+"0") || !accept(old, "a"+strings.Repeat("b", 40)+"0") || !old.MayEnd() {
		t.Error("a matcher that stood still has lost its place")
	}
}

// A mask that would take too long is given up.
func TestTooComplex(t *testing.T) {
	var all []string
	for i := range 1 << 12 {
		all = append(all, strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%012b", i)))
	}
	v := vocabularyOf(all...)
	c, err := structured.NewCompiler(structured.NewVocabulary(v, v.VocabSize())).Compile(structured.Spec{Regex: `.*a.{900}.*b.{900}.*a.{900}x`})
	if err != nil {
		t.Fatal(err)
	}
	m, r := c.Start(), rand.New(rand.NewPCG(1, 8))
	for range 100 {
		if err := m.Accept(int32(258 + r.IntN(len(all)))); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := m.Mask(); !errors.Is(err, structured.ErrTooComplex) {
			t.Errorf("got %v, want ErrTooComplex", err)
		}
	}
}

func FuzzRegex(f *testing.F) {
	for _, e := range expressions {
		f.Add(e, "ab世")
	}
	f.Add(`\Q`, "0")
	f.Fuzz(func(t *testing.T, expression, text string) {
		if len(expression) > 200 || len(text) > 200 {
			return
		}
		c, err := compiler().Compile(structured.Spec{Regex: expression})
		if err != nil {
			return
		}
		// As it is parsed, for what follows a \Q without its \E is no bracket.
		parsed, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			t.Fatalf("package syntax refuses what was compiled: %v", err)
		}
		judge, err := regexp.Compile(`\A(?:` + parsed.String() + `)\z`)
		if err != nil {
			t.Fatalf("package regexp refuses what was compiled: %v", err)
		}
		m, ok := c.Start(), true
		for _, b := range []byte(text) {
			err := m.Accept(2 + int32(b))
			if errors.Is(err, structured.ErrTooComplex) {
				return
			}
			ok = ok && err == nil
		}
		if ok = ok && m.MayEnd(); ok != (judge.MatchString(text) && strings.ToValidUTF8(text, "") == text) {
			t.Errorf("%q: %q accepted: %v", expression, text, ok)
		}
		checkMask(t, c.Start(), "")
	})
}

func FuzzSchema(f *testing.F) {
	for _, s := range schemas {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, schema string, seed uint64) {
		if len(schema) > 4000 {
			return
		}
		c, err := compiler().Compile(structured.Spec{JSON: schema})
		if err != nil {
			var bad *structured.Error
			if !errors.As(err, &bad) && !errors.Is(err, structured.ErrTooComplex) {
				t.Fatalf("an error of no known kind: %v", err)
			}
			return
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
		if err != nil {
			t.Fatalf("the library refuses what was compiled: %v", err)
		}
		library := jsonschema.NewCompiler()
		library.AssertFormat()
		if err := library.AddResource("schema.json", doc); err != nil {
			t.Fatal(err)
		}
		judge, err := library.Compile("schema.json")
		if err != nil {
			t.Fatalf("the library refuses what was compiled: %v", err)
		}
		if text, ok := write(t, c, rand.New(rand.NewPCG(seed, 0)), 200); ok {
			validate(t, judge, schema, text)
		}
	})
}

func ExampleCompiler_Compile() {
	c, err := structured.NewCompiler(structured.NewVocabulary(tokens, tokens.VocabSize())).Compile(structured.Spec{Choice: []string{"yes", "no"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := c.Start()
	mask, err := m.Mask()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range set(mask) {
		fmt.Printf("%s ", tokens.Bytes(id))
	}
	// Output: n y y
}

package structured_test

import (
	"math/rand/v2"
	"testing"

	"vitrine/engine/modeltest"
	"vitrine/engine/structured"
	"vitrine/engine/tokenizer"
)

func smolLM2(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Load(modeltest.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

const benchSchema = `{"type":"object","properties":{"name":{"type":"string"},"bio":{"type":"string","maxLength":400},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"type":"string"}}},"required":["name","bio","age","tags"]}`

// answers are texts of the schema, as tokens.
func answers(b *testing.B, tok *tokenizer.Tokenizer) [][]int32 {
	b.Helper()
	var all [][]int32
	for _, text := range []string{
		`{"name": "Ada Lovelace", "bio": "She wrote the first program for a machine that was never built, and saw what it might do one day.", "age": 36, "tags": ["mathematics", "poetry", "engines"]}`,
		`{"name":"Zhu Kezhen","bio":"竺可桢 studied five thousand years of climate in China from the flowers, frosts and freezing of its lakes.","age":83,"tags":["weather"]}`,
	} {
		ids, err := tok.Encode(text, tokenizer.EncodeOptions{})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, ids)
	}
	return all
}

func follow(b *testing.B, c *structured.Constraint, all [][]int32) (tokens int) {
	b.Helper()
	for _, ids := range all {
		m := c.Start()
		for _, id := range ids {
			mask, err := m.Mask()
			if err != nil {
				b.Fatal(err)
			}
			if !has(mask, id) {
				b.Fatalf("token %d is not allowed", id)
			}
			if err := m.Accept(id); err != nil {
				b.Fatal(err)
			}
			tokens++
		}
		if !m.Complete() {
			b.Fatal("not complete at the end")
		}
	}
	return tokens
}

// BenchmarkFirst is the time a token of an answer takes whose constraint is new,
// compiling included; BenchmarkSteady when others had it before.
func BenchmarkFirst(b *testing.B) {
	tok := smolLM2(b)
	v, all := structured.NewVocabulary(tok, tok.VocabSize()), answers(b, tok)
	tokens := 0
	for b.Loop() {
		c, err := structured.NewCompiler(v).Compile(structured.Spec{JSON: benchSchema})
		if err != nil {
			b.Fatal(err)
		}
		tokens += follow(b, c, all)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(tokens), "µs/token")
}

func BenchmarkSteady(b *testing.B) {
	tok := smolLM2(b)
	all := answers(b, tok)
	c, err := structured.NewCompiler(structured.NewVocabulary(tok, tok.VocabSize())).Compile(structured.Spec{JSON: benchSchema})
	if err != nil {
		b.Fatal(err)
	}
	follow(b, c, all)
	tokens := 0
	for b.Loop() {
		tokens += follow(b, c, all)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(tokens), "µs/token")
}

// BenchmarkMask is the time a mask takes that nobody asked for before, of a
// string with a bound, and so another one for each character.
func BenchmarkMask(b *testing.B) {
	tok := smolLM2(b)
	compiler := structured.NewCompiler(structured.NewVocabulary(tok, tok.VocabSize()))
	c, err := compiler.Compile(structured.Spec{JSON: `{"type":"string","maxLength":2000}`})
	if err != nil {
		b.Fatal(err)
	}
	quote, _ := tok.ID(`"`)
	letters := [2]int32{}
	for i, s := range []string{"a", "b"} {
		letters[i], _ = tok.ID(s)
	}
	r := rand.New(rand.NewPCG(1, 1))
	var m *structured.Matcher
	n := 2000
	for b.Loop() {
		if n == 2000 {
			m, n = c.Start(), 0
			if err := m.Accept(quote); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := m.Mask(); err != nil {
			b.Fatal(err)
		}
		if err := m.Accept(letters[r.IntN(2)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

func BenchmarkVocabulary(b *testing.B) {
	tok := smolLM2(b)
	for b.Loop() {
		structured.NewVocabulary(tok, tok.VocabSize())
	}
}

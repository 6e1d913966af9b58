package structured_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitrine/engine/structured"
)

// What is small enough to be sent, and would take gigabytes or minutes if
// nothing but the size of the grammar were bounded, is refused or compiled at
// once.
func TestCompilingIsBounded(t *testing.T) {
	list := func(n int, item func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = item(i)
		}
		return strings.Join(all, ",")
	}
	name := strings.Repeat("n", 470<<10)
	numbers := func(from int) string {
		return `{"enum":[` + list(4900, func(i int) string { return strconv.Itoa(from + i) }) + `]}`
	}
	for _, c := range []struct {
		name string
		spec structured.Spec
		want string // "" for what is compiled
	}{
		{
			"long name",
			structured.Spec{JSON: `{"$ref":"#/$defs/` + name + `","$defs":{"` + name + `":{"type":"object","properties":{` + list(2000, func(i int) string { return fmt.Sprintf(`"p%d":true`, i) }) + `}}}}`},
			"name of",
		},
		{
			"long names in all",
			structured.Spec{JSON: `{"type":"object","$defs":{"` + name[:4000] + `":{"properties":{` + list(3000, func(i int) string { return fmt.Sprintf(`"p%d":true`, i) }) + `}}}}`},
			"JSON pointers",
		},
		{
			"long index",
			structured.Spec{JSON: `{"anyOf":[{"type":"null"},{"$ref":"#/anyOf/` + strings.Repeat("0", 100_000) + `"}]}`},
			"nothing is there",
		},
		{
			"other names",
			structured.Spec{JSON: `{"required":["` + name + `"],"additionalProperties":{"type":"null"}}`},
			"name of",
		},
		{
			"references in a row",
			structured.Spec{JSON: `{"type":"object","properties":{` + list(2400, func(i int) string { return fmt.Sprintf(`"p%d":{"$ref":"#/properties/p%d"}`, i, i+1) }) + `,"p2400":{"type":"null"}}}`},
			"too long to follow",
		},
		{"lists apart", structured.Spec{JSON: `{"oneOf":[` + numbers(0) + `,` + numbers(10_000) + `]}`}, ""},
		{
			"lists apart, often",
			structured.Spec{JSON: `{"type":"object","properties":{` + list(500, func(i int) string {
				return fmt.Sprintf(`"p%d":{"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}`, i)
			}) + `},"$defs":{"a":{"enum":[` + list(3000, strconv.Itoa) + `]},"b":{"enum":[` + list(3000, func(i int) string { return strconv.Itoa(-1 - i) }) + `]}}}`},
			"",
		},
		{"anchors in a row", structured.Spec{Regex: "(" + strings.Repeat("a.", 32<<10) + ")" + strings.Repeat("$", 60<<10)}, "too large"},
		{"anchors in a row, short", structured.Spec{Regex: "(" + strings.Repeat("a[b-z]", 10<<10) + ")" + strings.Repeat("$", 65<<10)}, ""},
		{"long expression", structured.Spec{Regex: "(" + strings.Repeat("a.", 250_000) + ")" + strings.Repeat("$", 500_000)}, "bytes long"},
		{"many branches", structured.Spec{Regex: "(" + strings.Repeat("a.", 32<<10) + ")(" + strings.Repeat("b$|", 900) + "c$)"}, "too large"},
		{"the same, often", structured.Spec{Regex: strings.Repeat("(a{1000})|", 3000) + "b"}, "steps to build"},
		{
			"patterns that repeat",
			structured.Spec{JSON: `{"type":"object","properties":{` + list(2000, func(i int) string {
				return fmt.Sprintf(`"p%d":{"type":"string","pattern":"%s"}`, i, strings.Repeat("a{1000}", 50))
			}) + `}}`},
			"too large",
		},
		{"pattern and value", structured.Spec{JSON: `{"enum":["` + strings.Repeat("a", 500_000) + `"],"pattern":"` + strings.Repeat("a?", 20_000) + `b"}`}, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			_, err := compiler().Compile(c.spec)
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v, %d MiB: %.150v", took, allocated, err)
			if took > 10*time.Second || allocated > 512 {
				t.Errorf("took %v and %d MiB", took, allocated)
			}
			if c.want == "" && err != nil {
				t.Error(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %.300v, want an error with %q", err, c.want)
			}
		})
	}
}

// All outputs of an answer share what they may take: each mask of theirs alone
// is cheap enough, but not as many as there are. Other answers are as before.
func TestOutputsShareWhatTheyMayTake(t *testing.T) {
	var all []string
	for i := range 1 << 12 {
		all = append(all, strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%012b", i)))
	}
	v := vocabularyOf(all...)
	c, err := structured.NewCompiler(structured.NewVocabulary(v, v.VocabSize())).Compile(structured.Spec{Regex: `[ab]*a[ab]{60}[0-9]`})
	if err != nil {
		t.Fatal(err)
	}
	first, r := c.Start(), rand.New(rand.NewPCG(1, 8))
	outputs := make([]*structured.Matcher, 24)
	for i := range outputs {
		outputs[i] = first.Clone()
	}
	calls, work, refused := 0, 0, 0
	for range 6 {
		for i, m := range outputs {
			if m == nil {
				continue
			}
			for range 2 {
				err = m.Accept(int32(258 + r.IntN(len(all))))
				calls, work = calls+1, work+c.Work()
				if err == nil {
					_, err = m.Mask()
					calls, work = calls+1, work+c.Work()
				}
				if err == nil {
					continue
				}
				if !errors.Is(err, structured.ErrTooComplex) {
					t.Fatal(err)
				}
				outputs[i] = nil
				refused++
				break
			}
		}
	}
	t.Logf("%d calls took %d instructions, and %d of %d outputs were given up", calls, work, refused, len(outputs))
	// Each call that is given up takes an instruction too many, and the closing ones of its search.
	if bound := structured.Allowed(calls) + 1000*refused; work > bound {
		t.Errorf("took %d instructions, want %d at most", work, bound)
	}
	if refused == 0 {
		t.Error("no output was given up: the test shows less than it should")
	}
	other := c.Start()
	for range 3 {
		if err := other.Accept(int32(258 + r.IntN(len(all)))); err != nil {
			t.Errorf("another answer: %v", err)
		}
		if _, err := other.Mask(); err != nil {
			t.Errorf("another answer: %v", err)
		}
	}
}

// What was found by a call that was given up is not the truth, and nobody
// remembers it.
func TestGivenUpIsNotRemembered(t *testing.T) {
	c, err := compiler().Compile(structured.Spec{Regex: strings.Repeat(`[ -~]{0,1000}`, 9) + `\n`})
	if err != nil {
		t.Fatal(err)
	}
	m, other := c.Start(), c.Start()
	for range 320 { // to where the first mask has not been
		for _, m := range []*structured.Matcher{m, other} {
			if err := m.Accept(2 + 'a'); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.Starve()
	if _, err := m.Mask(); !errors.Is(err, structured.ErrTooComplex) {
		t.Fatalf("got %v, want ErrTooComplex", err)
	}
	if m.PlainDiffer() {
		t.Error("the call that was given up has left that plain bytes differ")
	}
	checkMask(t, other, "320 times a")
	if other.PlainDiffer() {
		t.Error("plain bytes are said to differ")
	}
}

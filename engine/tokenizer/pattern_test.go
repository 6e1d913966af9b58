package tokenizer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"
)

func TestFromOniguruma(t *testing.T) {
	for expr, want := range map[string]string{
		gpt2Pattern:         gpt2Pattern,
		`(?i:'s|'t)k`:       `(?i:'[sſS]|'t)k`,
		`(?i:a(?-i:k)k)`:    "(?i:a(?-i:k)[k\u212aK])",
		`(?i:(k))[a[]`:      "",
		`[^\r\n\p{L}]?\[`:   `[^\r\n\p{L}]?\[`,
		`[a-z&&[^aeiou]]`:   "",
		`[a&&b]`:            "",
		`[[:alpha:]]`:       "",
		`\h+`:               "",
		`(?m:.)`:            "",
		`abc\`:              "",
		`[^]]`:              `[^]]`,
		`(?!\S)(?<=a)(?=b)`: `(?!\S)(?<=a)(?=b)`,
	} {
		got, err := fromOniguruma(expr)
		if want == "" {
			if err == nil {
				t.Errorf("fromOniguruma(%q) = %q, want an error", expr, got)
			}
		} else if err != nil || got != want {
			t.Errorf("fromOniguruma(%q) = %q (%v), want %q", expr, got, err, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, expr := range []string{"(", "a{2", "[a", `\p{Nonsense}`, strings.Repeat("a", maxPattern+1), strings.Repeat("(", maxPattern)} {
		p, err := compile(expr)
		if err == nil && expr != "a{2" { // a brace that closes nothing is itself
			t.Errorf("compile(%.20q) = %v, want an error", expr, p)
		}
	}
}

// A pattern from a hostile file may not backtrack without end.
func TestPatternTimeIsBounded(t *testing.T) {
	re, err := regexp2.Compile(`(a+)+$`, regexp2.Multiline)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = newRegex(re, 200*time.Millisecond).each(strings.Repeat("a", 40)+"b", func(int, int) {})
	if !errors.Is(err, errPatternTime) {
		t.Errorf("each = %v, want errPatternTime", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

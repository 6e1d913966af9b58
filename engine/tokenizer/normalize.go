package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// normalizer rewrites text before it is cut into words.
type normalizer interface {
	normalize(text string) (string, error)
}

// normalizers runs one after another; none leaves the text as it is.
type normalizers []normalizer

func (ns normalizers) normalize(text string) (string, error) {
	for _, n := range ns {
		var err error
		if text, err = n.normalize(text); err != nil {
			return "", err
		}
	}
	return text, nil
}

// normalizeFunc is a normalizer that keeps bytes which are no UTF-8.
type normalizeFunc func(string) string

func (f normalizeFunc) normalize(text string) (string, error) { return f(text), nil }

// normalizeRunes is a normalizer that goes by character. It would put U+FFFD in
// place of bytes which are no UTF-8, so it refuses them.
type normalizeRunes func(string) string

func (f normalizeRunes) normalize(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errNoByteToken
	}
	return f(text), nil
}

// form is a Unicode normalization form (Unicode Standard Annex 15).
func form(f norm.Form) normalizer { return normalizeFunc(f.String) }

// prepend puts a text before what is not empty.
func prepend(text string) normalizer {
	return normalizeFunc(func(s string) string {
		if s == "" {
			return s
		}
		return text + s
	})
}

// stripSpace removes white space at either end.
func stripSpace(left, right bool) normalizer {
	return normalizeFunc(func(s string) string {
		if left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	})
}

// lowercase is the full lower-case mapping of each character by itself. İ is the
// one character whose mapping has two (Unicode, SpecialCasing.txt).
func lowercase(s string) string {
	if strings.ContainsRune(s, 'İ') {
		s = strings.ReplaceAll(s, "İ", "i̇")
	}
	return strings.Map(unicode.ToLower, s)
}

// stripAccents removes non-spacing marks.
func stripAccents(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode8(c, unicode.Mn) {
			return -1
		}
		return c
	}, s)
}

// replaceAll puts content in place of every match of a pattern.
type replaceAll struct {
	pattern pattern
	content string
}

func (r replaceAll) normalize(text string) (string, error) {
	var b strings.Builder
	from := 0
	err := r.pattern.each(text, func(start, end int) {
		b.WriteString(text[from:start])
		b.WriteString(r.content)
		from = end
	})
	if err != nil {
		return "", err
	}
	b.WriteString(text[from:])
	return b.String(), nil
}

// bertNormalizer is the text cleaning of BERT (Devlin et al., 2019; BasicTokenizer
// in tokenization.py).
type bertNormalizer struct {
	cleanText          bool
	handleChineseChars bool
	stripAccents       bool
	lowercase          bool
}

func (n bertNormalizer) apply(s string) string {
	if n.cleanText {
		s = strings.Map(clean, s)
	}
	if n.handleChineseChars {
		s = spaceIdeographs(s)
	}
	if n.stripAccents {
		s = stripAccents(norm.NFD.String(s))
	}
	if n.lowercase {
		s = lowercase(s)
	}
	return s
}

// clean drops control characters and makes every white space a space.
func clean(c rune) rune {
	switch {
	case c == '\t' || c == '\n' || c == '\r':
		return ' '
	case c == 0 || c == unicode.ReplacementChar || unicode8(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	case unicode.IsSpace(c):
		return ' '
	}
	return c
}

// assigned8 holds the characters of Unicode 8.
var assigned8 = rangetable.Assigned("8.0.0")

// unicode8 reports whether Unicode 8 has c in one of the categories. The reference
// takes BERT's categories from that version (its crate unicode_categories), so a
// later character is neither control nor punctuation nor a mark there.
func unicode8(c rune, categories ...*unicode.RangeTable) bool {
	return unicode.In(c, categories...) && unicode.Is(assigned8, c)
}

// spaceIdeographs puts a space on both sides of each CJK ideograph: Chinese is
// written without spaces, and BERT treats each character as a word.
func spaceIdeographs(s string) string {
	if !strings.ContainsFunc(s, isIdeograph) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if isIdeograph(c) {
			b.WriteRune(' ')
			b.WriteRune(c)
			b.WriteRune(' ')
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// isIdeograph reports whether c lies in the blocks that BERT counts as Chinese.
func isIdeograph(c rune) bool {
	return 0x4E00 <= c && c <= 0x9FFF || 0x3400 <= c && c <= 0x4DBF || 0x20000 <= c && c <= 0x2A6DF ||
		0x2A700 <= c && c <= 0x2B73F || 0x2B740 <= c && c <= 0x2B81F || 0x2B920 <= c && c <= 0x2CEAF ||
		0xF900 <= c && c <= 0xFAFF || 0x2F800 <= c && c <= 0x2FA1F
}

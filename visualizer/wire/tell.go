package wire

import "strings"

// languageEnd ends the English of a text in two languages: the unit separator
// (ASCII), which stands in no text that people read.
const languageEnd = "\x1f"

// Tell puts a text that the page shows in English and in Chinese into one string
// of a frame. [Told] takes it apart.
func Tell(en, zh string) string {
	return strings.ReplaceAll(en, languageEnd, "") + languageEnd + zh // somebody else's words may be in it
}

// Told is what a string of a frame says in a language, "en" or "zh". One that
// [Tell] did not make is the same in both.
func Told(text, lang string) string {
	en, zh, both := strings.Cut(text, languageEnd)
	if both && lang == "zh" {
		return zh
	}
	return en
}

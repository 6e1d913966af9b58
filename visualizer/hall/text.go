package hall

import (
	"strings"
	"unicode/utf8"
)

// Texts is what is written of each of some tokens one behind the other. A character
// that several tokens have parts of is written whole where it begins, and
// nothing where it goes on; one whose end has not come yet is not written.
func Texts(pieces [][]byte) []string {
	texts := make([]string, len(pieces))
	var all []byte
	ends := make([]int, len(pieces))
	for i, p := range pieces {
		all = append(all, p...)
		ends[i] = len(all)
	}
	var text strings.Builder
	at := 0
	for i, end := range ends {
		text.Reset()
		for at < end {
			if !utf8.FullRune(all[at:]) {
				at = len(all)
				break
			}
			r, size := utf8.DecodeRune(all[at:])
			text.WriteRune(r)
			at += size
		}
		texts[i] = text.String()
	}
	return texts
}

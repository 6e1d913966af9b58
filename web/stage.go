package web

import "strconv"

func digit(n int) string { return strconv.Itoa(n) }

func boolAttribute(v bool) string { return strconv.FormatBool(v) }

// tabIndex puts only the chosen tab into the order of the Tab key; arrow keys
// move between tabs (WAI-ARIA Authoring Practices, tabs pattern).
func tabIndex(chosen bool) string {
	if chosen {
		return "0"
	}
	return "-1"
}

// twinLang is the language that a term's twin is given in: a Chinese page has
// the English term beside the Chinese one, and the other way round.
func (w words) twinLang() string {
	if w.lang == "zh" {
		return "en"
	}
	return "zh"
}

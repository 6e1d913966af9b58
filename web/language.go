package web

import (
	"net/http"

	"golang.org/x/text/language"
)

// LanguageCookie names the cookie in which the client keeps the language that
// was chosen on the page.
const LanguageCookie = "vitrine_lang"

// Languages of the page; the first is the one for readers of neither.
var languages = []language.Tag{language.English, language.Chinese}

var matcher = language.NewMatcher(languages)

// Language chooses the page's language for a request: ?lang= comes first, so
// that a link can fix it, then the cookie, then the browser's Accept-Language
// (RFC 9110, section 12.5.4). The answer is always one that the page has.
func Language(r *http.Request) string {
	var cookie string
	if c, err := r.Cookie(LanguageCookie); err == nil {
		cookie = c.Value
	}
	// MatchStrings reads each in turn and ignores what it cannot parse.
	_, index := language.MatchStrings(matcher, r.URL.Query().Get("lang"), cookie, r.Header.Get("Accept-Language"))
	return languages[index].String()
}

// Languages names the languages of the page, the first for readers of neither.
func Languages() []string {
	names := make([]string, len(languages))
	for i, l := range languages {
		names[i] = l.String()
	}
	return names
}

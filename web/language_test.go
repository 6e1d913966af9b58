package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLanguage(t *testing.T) {
	tests := []struct{ name, query, cookie, accept, want string }{
		{"nothing is said", "", "", "", "en"},
		{"the browser's", "", "", "zh-CN,zh;q=0.9,en;q=0.8", "zh"},
		{"traditional Chinese", "", "", "zh-TW", "zh"},
		{"a language that the page has not", "", "", "fr-FR, de;q=0.8", "en"},
		{"one of several", "", "", "fr-FR, zh;q=0.5", "zh"},
		{"the cookie before the browser", "", "en", "zh-CN", "en"},
		{"the address before the cookie", "?lang=zh", "en", "en", "zh"},
		{"nonsense is passed over", "?lang=%00%ff", "!!", "zh;q=x, en", "en"},
		{"an empty address", "?lang=", "zh", "en", "zh"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/"+tt.query, nil)
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: LanguageCookie, Value: tt.cookie})
			}
			if tt.accept != "" {
				r.Header.Set("Accept-Language", tt.accept)
			}
			if got := Language(r); got != tt.want {
				t.Errorf("language is %q, want %q", got, tt.want)
			}
		})
	}
}

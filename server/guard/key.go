package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// Key lets those pass who have the API key. Programs say it in the header
// "Authorization: Bearer KEY". A browser cannot add headers to a page's address
// or to its WebSocket, so there the key is exchanged for a cookie: it is asked for by a
// form, or stands once in the address as ?key=KEY, which is led away from at once.
// The cookie is HttpOnly and SameSite=Strict, and holds a number made of the key
// that does not give the key away; it is good as long as the key is.
type Key struct {
	sum    [sha256.Size]byte
	cookie string // the cookie's name, another for each key: cookies know no ports
	pass   string // and its value
	open   string // a path that needs no key
	ask    http.Handler
}

// NewKey returns a Key. open is a path that everybody may ask for. ask answers
// whoever navigates to a page without the key; it has to write a form that
// posts the field "key" to the page's own address. It is called with the status
// already decided, 401.
func NewKey(key, open string, ask http.Handler) *Key {
	mac := func(what string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(what))
		return hex.EncodeToString(h.Sum(nil))
	}
	return &Key{sum: sha256.Sum256([]byte(key)), cookie: "vitrine_" + mac("name")[:8], pass: mac("page"), open: open, ask: ask}
}

// maxForm bounds the form that the key comes in.
const maxForm = 4 << 10

// Protect returns a handler that passes to next the requests with the key.
// refuse answers the others, unless a page is asked for.
func (k *Key) Protect(next http.Handler, refuse func(w http.ResponseWriter, r *http.Request, status int, message string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Path == "/" || strings.Contains(r.Header.Get("Accept"), "text/html")
		switch {
		case r.URL.Path == k.open:
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && r.URL.Query().Has("key") && k.matches(r.URL.Query().Get("key")):
			k.enter(w, r)
		case k.allowed(r):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodPost && r.URL.Path == "/":
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if k.matches(r.PostFormValue("key")) {
				k.enter(w, r)
				return
			}
			k.ask.ServeHTTP(w, r)
		case page && r.Method == http.MethodGet:
			k.ask.ServeHTTP(w, r)
		default:
			refuse(w, r, http.StatusUnauthorized, "the API key is missing or wrong: want the header Authorization: Bearer KEY")
		}
	})
}

// enter gives the cookie and leads to the address without the key.
func (k *Key) enter(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: k.cookie, Value: k.pass, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	to := *r.URL
	query := to.Query()
	query.Del("key")
	to.RawQuery = query.Encode()
	to.Scheme, to.Host, to.User = "", "", nil
	// One slash: two would name another host.
	to.Path = "/" + strings.TrimLeft(to.Path, `/\`)
	to.RawPath = ""
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// allowed says whether a request brings the key or the cookie.
func (k *Key) allowed(r *http.Request) bool {
	if scheme, key, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") && k.matches(strings.TrimSpace(key)) {
		return true
	}
	c, err := r.Cookie(k.cookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(k.pass)) == 1
}

// matches compares in a time that tells nothing of the key, its length
// included: what is compared are hashes.
func (k *Key) matches(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1
}

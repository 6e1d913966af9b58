// Package assets serves files that do not change while the server runs:
// each is compressed once, carries an ETag of its content, and is sent in the
// smallest encoding that the browser accepts.
package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// An Asset is one file, ready to be sent. It is immutable and safe for
// concurrent use.
type Asset struct {
	contentType string
	forms       []form // smallest first; the last one is the identity
}

// A form is one encoding of an asset's content.
type form struct {
	encoding string // as in Content-Encoding; empty for the identity
	body     []byte
	etag     string
}

// New returns an asset of the given media type, compressed at the quality.
// Content that no encoding makes smaller, such as pictures, is kept as it is.
func New(contentType string, body []byte, q Quality) *Asset {
	c := Compress(body, q)
	return NewCompressed(contentType, c)
}

// NewCompressed returns an asset whose compressed forms are there already.
// Forms that are empty or no smaller than the identity are left out.
func NewCompressed(contentType string, c Compressed) *Asset {
	a := &Asset{contentType: contentType}
	add := func(encoding string, body []byte) {
		// Of the bytes that are sent: the same content may be compressed anew, and
		// a browser may ask for the rest of what it has a part of.
		sum := sha256.Sum256(body)
		a.forms = append(a.forms, form{encoding, body, `"` + hex.EncodeToString(sum[:12]) + `"`})
	}
	for _, f := range []struct {
		encoding string
		body     []byte
	}{{"br", c.Brotli}, {"gzip", c.Gzip}} {
		if n := len(f.body); n > 0 && n < len(c.Identity) {
			add(f.encoding, f.body)
		}
	}
	add("", c.Identity)
	return a
}

// ServeHTTP implements [http.Handler]: GET and HEAD, conditional requests and
// ranges as [http.ServeContent] does them. Every answer may be stored but has
// to be validated before use, so that a page never runs an old client.
func (a *Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.choose(r.Header.Values("Accept-Encoding"))
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	if len(a.forms) > 1 {
		h.Add("Vary", "Accept-Encoding")
	}
	if f.encoding != "" {
		h.Set("Content-Encoding", f.encoding)
		// ServeContent gives no length with an encoding, lest another handler
		// should encode the body again; here it is final.
		h.Set("Content-Length", strconv.Itoa(len(f.body)))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

// choose returns the smallest form that the Accept-Encoding header allows.
func (a *Asset) choose(accept []string) form {
	for _, f := range a.forms {
		if f.encoding == "" || accepts(accept, f.encoding) {
			return f
		}
	}
	return a.forms[len(a.forms)-1]
}

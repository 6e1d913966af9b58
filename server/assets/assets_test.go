package assets

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

var text = []byte(strings.Repeat("attention is not an explanation. ", 40))

func get(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestEncodings(t *testing.T) {
	for _, q := range []Quality{Quick, Best} {
		a := New("text/plain; charset=utf-8", text, q)
		for _, c := range []struct{ accept, want string }{
			{"", ""},
			{"gzip, deflate, br, zstd", "br"},
			{"gzip", "gzip"},
			{"GZIP;q=0.5", "gzip"},
			{"br;q=0, gzip", "gzip"},
			{"br;q=0, gzip;q=0", ""},
			{"*", "br"},
			{"br;q=0, *;q=0.1", "gzip"},
			{"br;q=nonsense", ""},
			{"identity", ""},
		} {
			res := get(a, "/x", "Accept-Encoding", c.accept)
			if got := res.Header.Get("Content-Encoding"); got != c.want {
				t.Errorf("Accept-Encoding %q: sent %q, want %q", c.accept, got, c.want)
				continue
			}
			var body io.Reader = res.Body
			switch c.want {
			case "br":
				body = brotli.NewReader(body)
			case "gzip":
				z, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
			got, err := io.ReadAll(body)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("Accept-Encoding %q: the body does not decode to the file: %v", c.accept, err)
			}
			if res.Header.Get("Content-Length") == "" || res.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("Accept-Encoding %q: headers %v", c.accept, res.Header)
			}
		}
	}
}

func TestConditionalRequest(t *testing.T) {
	a := New("text/plain", text, Quick)
	tags := map[string]bool{}
	for _, enc := range []string{"br", "gzip", ""} {
		res := get(a, "/x", "Accept-Encoding", enc)
		tag := res.Header.Get("ETag")
		if tag == "" || tags[tag] {
			t.Fatalf("encoding %q: ETag %q is missing or that of another encoding", enc, tag)
		}
		tags[tag] = true
		again := get(a, "/x", "Accept-Encoding", enc, "If-None-Match", tag)
		body, _ := io.ReadAll(again.Body)
		if again.StatusCode != http.StatusNotModified || len(body) != 0 {
			t.Errorf("encoding %q: unchanged file answered with %d and %d bytes", enc, again.StatusCode, len(body))
		}
	}
	if other := get(New("text/plain", text[1:], Quick), "/x").Header.Get("ETag"); tags[other] {
		t.Error("another content has the same ETag")
	}
}

func TestIncompressibleIsSentAsItIs(t *testing.T) {
	small := []byte("ok")
	res := get(New("text/plain", small, Best), "/x", "Accept-Encoding", "br, gzip")
	body, _ := io.ReadAll(res.Body)
	if res.Header.Get("Content-Encoding") != "" || !bytes.Equal(body, small) || res.Header.Get("Vary") != "" {
		t.Errorf("got %q with %v", body, res.Header)
	}
}

func TestRange(t *testing.T) {
	res := get(New("text/plain", text, Quick), "/x", "Range", "bytes=10-18")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusPartialContent || !bytes.Equal(body, text[10:19]) {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
}

func TestTree(t *testing.T) {
	tree, err := NewTree(fstest.MapFS{
		"style.css":  {Data: []byte("body{}")},
		"js/boot.js": {Data: []byte("void 0")},
		"noending":   {Data: []byte{0, 1}},
	}, Quick)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, contentType string
		code              int
	}{
		{"/style.css", "text/css; charset=utf-8", 200},
		{"/js/boot.js", "text/javascript; charset=utf-8", 200},
		{"/noending", "application/octet-stream", 200},
		{"/js", "", 404},
		{"/js/", "", 404},
		{"/../style.css", "", 404},
	} {
		res := get(tree, c.path)
		if res.StatusCode != c.code || c.code == 200 && res.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %q, want %d %q", c.path, res.StatusCode, res.Header.Get("Content-Type"), c.code, c.contentType)
		}
	}
}

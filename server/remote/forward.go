package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// ForwardOptions set up a [Forward].
type ForwardOptions struct {
	// Refuse answers a request that is not passed on, or whose answer is not.
	Refuse func(w http.ResponseWriter, status int, message string)
	// WriteTimeout is how long a client may take to read what is written to it
	// at a time.
	WriteTimeout time.Duration
	Log          *slog.Logger
}

// Forward passes requests of OpenAI's API on to the server, and its answers
// back as they come. It needs no [Engine]: a server that is not there is said
// not to be.
//
// Only paths that compute or tell something are passed on, for a server may
// have others that change it (vLLM's /v1/load_lora_adapter). The client's key
// and cookies are for us and stay here; the server gets its own key. Of the
// answer's headers few are passed on, and no kind of body that a browser would
// take for a page or a program.
type Forward struct {
	options ForwardOptions
	server  *Engine
	proxy   *httputil.ReverseProxy
}

// NewForward makes a Forward to the server of o. The error says what is wrong
// with its address.
func NewForward(o Options, f ForwardOptions) (*Forward, error) {
	base, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	s := newEngine(o, base)
	// An answer that is not streamed begins when it is whole, however long that takes;
	// whoever asked may go.
	s.client.Transport.(*http.Transport).ResponseHeaderTimeout = 0
	p := &Forward{options: f, server: s}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: p.rewrite, Transport: s.client.Transport, ModifyResponse: p.check,
		ErrorLog: slog.NewLogLogger(f.Log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var told *Error
			if !errors.As(err, &told) && !errors.As(s.unreachable(r.Context(), err), &told) {
				return // the client has gone
			}
			f.Refuse(w, http.StatusBadGateway, "the remote engine, "+told.Error())
		},
	}
	return p, nil
}

// forwarded are the paths that are passed on, and how they are asked.
var forwarded = map[string]string{
	"/v1/models": http.MethodGet, "/version": http.MethodGet, "/metrics": http.MethodGet,
	"/v1/completions": http.MethodPost, "/v1/chat/completions": http.MethodPost,
	"/tokenize": http.MethodPost, "/detokenize": http.MethodPost,
}

// ServeHTTP passes a request on.
func (p *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, ok := forwarded[r.URL.Path]
	if strings.HasPrefix(r.URL.Path, "/v1/models/") {
		method, ok = http.MethodGet, true
	}
	switch {
	case !ok:
		p.options.Refuse(w, http.StatusNotFound, fmt.Sprintf("%s is not passed on to the remote engine at %s", short(r.URL.Path), p.server.address))
		return
	case r.Method != method:
		w.Header().Set("Allow", method)
		p.options.Refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is for %s", short(r.URL.Path), method))
		return
	}
	// The body is read first: after that the connection's time is the answer's.
	body, err := io.ReadAll(r.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		p.options.Refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", long.Limit))
		return
	case err != nil:
		p.options.Refuse(w, http.StatusBadRequest, "the body could not be read: "+err.Error())
		return
	}
	patient := &patientWriter{ResponseWriter: w, header: http.Header{}, timeout: p.options.WriteTimeout, connection: http.NewResponseController(w)}
	if err := patient.connection.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.options.Refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	p.proxy.ServeHTTP(patient, r)
}

// Close ends the connections that are idle.
func (p *Forward) Close() { p.server.Close() }

// rewrite makes the request that the server gets.
func (p *Forward) rewrite(r *httputil.ProxyRequest) {
	base := p.server.base
	r.Out.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + r.In.URL.Path}
	r.Out.Host = ""
	r.Out.Header = http.Header{}
	copyHeaders(r.Out.Header, r.In.Header, "Accept", "Content-Type", "X-Request-Id")
	if key := p.server.options.APIKey; key != "" {
		r.Out.Header.Set("Authorization", "Bearer "+key)
	}
}

// check lets an answer pass that is one of an API, with the headers that
// concern it. The error says why it is none.
func (p *Forward) check(res *http.Response) error {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return p.server.refusal(res.StatusCode, nil) // it is our key that it does not take, not the client's
	case res.StatusCode < 200 || 300 <= res.StatusCode && res.StatusCode < 400:
		return p.server.fault(fmt.Sprintf("the server answered %d %s, which is not followed", res.StatusCode, http.StatusText(res.StatusCode)), nil)
	case kind != "application/json" && kind != "text/event-stream" && kind != "text/plain" && kind != "application/openmetrics-text":
		if res.ContentLength == 0 && kind == "" {
			break
		}
		return p.server.fault(fmt.Sprintf("the server answered %d with %q, which is not of OpenAI's API", res.StatusCode, short(res.Header.Get("Content-Type"))), err)
	}
	header := http.Header{"Cache-Control": {"no-store"}}
	copyHeaders(header, res.Header, "Content-Type", "Content-Length", "Retry-After", "X-Request-Id")
	res.Header, res.Trailer = header, nil
	return nil
}

// copyHeaders copies the named headers as far as they are there.
func copyHeaders(to, from http.Header, names ...string) {
	for _, name := range names {
		if v := from.Values(name); len(v) > 0 {
			to[name] = v
		}
	}
}

// patientWriter gives a client time for each piece of an answer, and not for
// the whole of one that may be as long as it likes. What the server says before
// its answer, as with 103 Early Hints, stays here: it would take the headers
// with it that ours carry.
type patientWriter struct {
	http.ResponseWriter
	header     http.Header
	wrote      bool
	timeout    time.Duration
	connection *http.ResponseController
}

// Header implements [http.ResponseWriter]: those of the server's answer.
func (w *patientWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *patientWriter) WriteHeader(status int) {
	if w.wrote || status < 200 {
		return
	}
	w.wrote = true
	maps.Copy(w.ResponseWriter.Header(), w.header)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *patientWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	// Where it is not supported, nothing is slow: a recorder of a test.
	_ = w.connection.SetWriteDeadline(time.Now().Add(w.timeout))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController], which flushes.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package hub

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxRedirects bounds the moves inside a hub before it states a file.
const maxRedirects = 5

// fromHub fetches a model from a hub that speaks Hugging Face's protocol
// (huggingface.co/docs/huggingface_hub, file_download): HEAD of the file's resolve address states
// size and SHA-256 as X-Linked-Size and X-Linked-Etag, and GET redirects to the content.
func (h *Hub) fromHub(ctx context.Context, m *Model, meter *meter) error {
	address := resolveURL(h.hub, m.Hub)
	meter.enter(Asking, 0, m.Size)
	stated, err := h.probe(ctx, address)
	if err != nil {
		return err
	}
	return h.download(ctx, m, address, stated, meter)
}

// fromMirror fetches a model from a hub that speaks ModelScope's protocol: the listing of
// the repository states size and SHA-256, and GET of the resolve address gives the content.
func (h *Hub) fromMirror(ctx context.Context, m *Model, meter *meter) error {
	meter.enter(Asking, 0, m.Size)
	stated, err := h.list(ctx, m.Mirror)
	if err != nil {
		return err
	}
	return h.download(ctx, m, resolveURL(h.mirror+"/models", m.Mirror), stated, meter)
}

// resolveURL returns the address of a file. The parts have been checked for what a path may hold.
func resolveURL(base string, r *Repository) string {
	escaped := (&url.URL{Path: r.File}).EscapedPath()
	return base + "/" + r.Repository + "/resolve/" + r.Revision + "/" + escaped
}

// probe asks a hub what it has, without following the redirect to the content, whose
// own headers say less.
func (h *Hub) probe(ctx context.Context, address string) (expected, error) {
	for range maxRedirects {
		resp, err := h.ask(ctx, h.prober, http.MethodHead, address, nil)
		if err != nil {
			return expected{}, err
		}
		resp.Body.Close()
		stated := statedBy(resp)
		switch {
		case resp.StatusCode >= 400:
			return expected{}, statusError(address, resp)
		case stated.SHA256 != "" || resp.StatusCode < 300:
			return stated, nil
		}
		next, moved := movedTo(resp)
		if !moved {
			return stated, nil
		}
		address = next
	}
	return expected{}, fmt.Errorf("%s: more than %d redirects", address, maxRedirects)
}

// movedTo returns where in the same hub a repository has moved to.
func movedTo(resp *http.Response) (address string, ok bool) {
	next, err := resp.Location()
	if err != nil || next.Host != resp.Request.URL.Host {
		return "", false
	}
	return next.String(), true
}

// statedBy reads what the headers of an answer say of the file. A value that is not what it should be says nothing.
func statedBy(resp *http.Response) expected {
	var e expected
	etag := strings.Trim(resp.Header.Get("X-Linked-Etag"), `"`)
	if raw, err := hex.DecodeString(etag); err == nil && len(raw) == 32 {
		e.SHA256 = strings.ToLower(etag)
	}
	if size, err := strconv.ParseInt(resp.Header.Get("X-Linked-Size"), 10, 64); err == nil && size > 0 {
		e.Size = size
	} else if resp.StatusCode == http.StatusOK && resp.ContentLength > 0 {
		e.Size = resp.ContentLength
	}
	return e
}

// listing is a ModelScope repository's list of files.
type listing struct {
	Code    int
	Message string
	Data    struct {
		Files []struct {
			Path   string
			Size   int64
			Sha256 string
		}
	}
}

// maxListing is more than the listing of any repository with one model.
const maxListing = 8 << 20

// list asks a mirror what it has.
func (h *Hub) list(ctx context.Context, r *Repository) (expected, error) {
	ctx, cancel := context.WithTimeout(ctx, h.stallTime)
	defer cancel()
	address := h.mirror + "/api/v1/models/" + r.Repository + "/repo/files?Recursive=true&Revision=" + url.QueryEscape(r.Revision)
	resp, err := h.ask(ctx, h.client, http.MethodGet, address, nil)
	if err != nil {
		return expected{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return expected{}, statusError(address, resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxListing))
	if err != nil {
		return expected{}, err
	}
	return parseListing(data, r.File)
}

// parseListing finds a file in a listing.
func parseListing(data []byte, path string) (expected, error) {
	var l listing
	if err := json.Unmarshal(data, &l); err != nil {
		return expected{}, fmt.Errorf("the mirror's list of files: %w", err)
	}
	for _, f := range l.Data.Files {
		if f.Path != path {
			continue
		}
		sum := strings.ToLower(f.Sha256)
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 || f.Size <= 0 {
			return expected{}, fmt.Errorf("the mirror's list of files gives %s the size %d and the SHA-256 %q", path, f.Size, f.Sha256)
		}
		return expected{Size: f.Size, SHA256: sum}, nil
	}
	if l.Message != "" {
		return expected{}, fmt.Errorf("the mirror's list of files has no %s (%s)", path, l.Message)
	}
	return expected{}, fmt.Errorf("the mirror's list of files has no %s", path)
}

// ask makes a request.
func (h *Hub) ask(ctx context.Context, c *http.Client, method, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "vitrine")
	req.Header.Set("Accept-Encoding", "identity")
	return c.Do(req)
}

func statusError(address string, resp *http.Response) error {
	return &StatusError{URL: address, Code: resp.StatusCode, Reason: resp.Header.Get("X-Error-Code")}
}

// agree settles what the file must be: the registry goes first, and what the hub states must not contradict it.
func agree(m *Model, stated expected) (expected, error) {
	want := expected{Size: m.Size, SHA256: m.SHA256}
	if want.Size == 0 {
		want.Size = stated.Size
	}
	if want.SHA256 == "" {
		want.SHA256 = stated.SHA256
	}
	switch {
	case want.SHA256 == "" || want.Size == 0:
		return want, errors.New("neither the registry nor the hub states size and SHA-256 of the file, so it could not be checked")
	case stated.SHA256 != "" && stated.SHA256 != want.SHA256:
		return want, fmt.Errorf("the hub has another file: it states SHA-256 %s, the registry %s", stated.SHA256, want.SHA256)
	case stated.Size != 0 && stated.Size != want.Size:
		return want, fmt.Errorf("the hub has another file: it states %d bytes, the registry %d", stated.Size, want.Size)
	}
	return want, nil
}

// download fetches a file of which the hub states what it must be.
func (h *Hub) download(ctx context.Context, m *Model, address string, stated expected, meter *meter) (err error) {
	want, err := agree(m, stated)
	if err != nil {
		return err
	}
	p, err := openPart(ctx, h.disk, m.Path, want, meter)
	if err != nil {
		return err
	}
	meter.enter(Downloading, p.size, p.want.Size)
	if err := h.complete(ctx, p, address, meter); err != nil {
		var wrong *ChecksumError
		if errors.As(err, &wrong) {
			return p.discard(err)
		}
		return errors.Join(err, p.Close())
	}
	return p.finish(m.Path)
}

// complete fetches what is missing, again and again as long as that gets anywhere.
func (h *Hub) complete(ctx context.Context, p *part, address string, meter *meter) error {
	delay := h.retryDelay
	for failures := 0; p.size < p.want.Size; {
		had := p.size
		err := h.get(ctx, p, address, meter)
		if err == nil {
			continue
		}
		if !brokeOff(err) || ctx.Err() != nil {
			return err
		}
		if p.size > had {
			failures, delay = 0, h.retryDelay
			continue
		}
		if failures++; failures > h.retries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
			delay *= 2
		}
	}
	return nil
}

// A brokenError is a failure on the way that another request may mend.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func brokeOff(err error) bool {
	var broken *brokenError
	return errors.As(err, &broken)
}

var errStalled = errors.New("the hub sends nothing any more")

// get makes one request for the bytes that are missing (RFC 9110, sections 13 and 14).
func (h *Hub) get(ctx context.Context, p *part, address string, meter *meter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{}
	if p.size > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		// Bytes of another hub are those of the same file, for the checksum is the same, but its ETag is not.
		if p.origin.URL == address && isStrong(p.origin.ETag) {
			header.Set("If-Range", p.origin.ETag)
		}
	}
	resp, err := h.ask(ctx, h.client, http.MethodGet, address, header)
	if err != nil {
		return &brokenError{err}
	}
	defer resp.Body.Close()
	if err := p.accept(resp, address); err != nil {
		return err
	}
	meter.set(p.size)
	watch := time.AfterFunc(h.stallTime, func() { cancel(errStalled) })
	defer watch.Stop()
	stop := meter.pulse()
	_, err = io.Copy(io.MultiWriter(p, meteredWriter{ctx, meter}), &watchedReader{resp.Body, watch, h.stallTime})
	stop()
	switch {
	case err == nil && p.size == p.want.Size:
		return nil
	case err == nil:
		return &brokenError{io.ErrUnexpectedEOF}
	case errors.Is(context.Cause(ctx), errStalled):
		return &brokenError{errStalled}
	case isLocal(err):
		return err
	}
	return &brokenError{err}
}

// isLocal reports whether an error is about the file rather than the connection.
func isLocal(err error) bool {
	var wrong *ChecksumError
	return ends(err) || errors.As(err, &wrong)
}

// isStrong reports whether an ETag may be used with If-Range.
func isStrong(etag string) bool { return strings.HasPrefix(etag, `"`) }

// accept prepares the part for the body of an answer: at its end if the answer goes
// on from there, empty if it begins anew.
func (p *part) accept(resp *http.Response, address string) error {
	etag := resp.Header.Get("ETag")
	switch resp.StatusCode {
	case http.StatusOK:
		if resp.ContentLength >= 0 && resp.ContentLength != p.want.Size {
			return fmt.Errorf("%s: the answer has %d bytes, the file %d", address, resp.ContentLength, p.want.Size)
		}
		// The server ignores ranges, or the file has changed there.
		if p.size > 0 {
			if err := p.restart(); err != nil {
				return err
			}
		}
	case http.StatusPartialContent:
		start, total, ok := parseContentRange(resp.Header.Get("Content-Range"))
		changed := p.origin.URL == address && p.origin.ETag != "" && etag != "" && etag != p.origin.ETag
		if !ok || start != p.size || total >= 0 && total != p.want.Size || changed {
			return p.begin("the answer does not go on where the file ends")
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return p.begin("the hub's file is shorter than what is here")
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &brokenError{statusError(address, resp)}
	default:
		return statusError(address, resp)
	}
	return p.from(address, etag)
}

// begin throws away what is there, to be fetched from the start.
func (p *part) begin(why string) error {
	if err := p.restart(); err != nil {
		return err
	}
	return &brokenError{errors.New(why)}
}

// parseContentRange reads "bytes START-END/TOTAL"; total is −1 where it is "*".
func parseContentRange(s string) (start, total int64, ok bool) {
	s, found := strings.CutPrefix(s, "bytes ")
	span, size, found2 := strings.Cut(s, "/")
	from, to, found3 := strings.Cut(span, "-")
	if !found || !found2 || !found3 {
		return 0, 0, false
	}
	start, err1 := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	total = -1
	var err3 error
	if size != "*" {
		total, err3 = strconv.ParseInt(size, 10, 64)
	}
	if err1 != nil || err2 != nil || err3 != nil || start < 0 || end < start || size != "*" && end >= total {
		return 0, 0, false
	}
	return start, total, true
}

// watchedReader postpones an alarm with every read that gives something.
type watchedReader struct {
	r     io.Reader
	watch *time.Timer
	limit time.Duration
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.watch.Reset(w.limit)
	}
	return n, err
}

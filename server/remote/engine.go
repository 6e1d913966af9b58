package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/server/zmtp"
)

// Options say where an engine is.
type Options struct {
	// URL is the server's address, "http://host:8000"; a path that ends in /v1
	// is taken as well.
	URL string
	// APIKey is sent as a bearer token; empty sends none.
	APIKey string
	// Model is one of the names that the server serves. Default: the first.
	Model string
	// KVEvents says where the server publishes what happens to its blocks; empty
	// if it does not.
	KVEvents KVSource
}

// Check says which option is wrong, without asking the server.
func (o Options) Check() error {
	_, err := parse(o.URL)
	return err
}

// Check says what is wrong with the addresses, and with which: "" if it is the
// endpoint, or "replay".
func (s KVSource) Check() (which string, err error) {
	if s.Endpoint == "" && s.Replay != "" {
		return "replay", errors.New("needs the address of the events themselves")
	}
	for _, a := range []struct{ which, endpoint string }{{"", s.Endpoint}, {"replay", s.Replay}} {
		if a.endpoint == "" {
			continue
		}
		address, err := zmtp.Address(a.endpoint)
		if err == nil && strings.HasPrefix(address, ":") {
			err = fmt.Errorf("got %q, want the name or address of a host", a.endpoint)
		}
		if err != nil {
			return a.which, err
		}
	}
	return "", nil
}

// parse reads a server's address.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is no address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("got %q, want an address like http://host:8000", address)
	case u.User != nil:
		return nil, errors.New("holds a name or password, want --engine-api-key for a key")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("got %q, want no query", address)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	return u, nil
}

// Engine is a server that was reached. Its methods may be called from any
// goroutine.
type Engine struct {
	options Options
	address string // as it is told to people
	base    *url.URL
	client  *http.Client
	info    Info
	streams atomic.Int64 // answers that are being written

	mu      sync.Mutex
	pieces  map[int32][]byte // what token ids stand for, as far as it was told
	lexicon lexicon
}

// Info is what a server tells of itself.
type Info struct {
	Address string // "http://host:8000"
	Model   string // the name under which it serves the model
	Server  string // [VLLM] or [Vitrine]; empty if it is another or does not say
	Version string // of that, "0.32.0"; empty if it does not say
	Context int    // longest sequence in tokens; 0 if it does not say
}

// Servers that say who they are.
const (
	VLLM    = "vLLM"
	Vitrine = "Vitrine"
)

// servers are they, by the owner that they name for their models. GET /version
// is no sign: others have it too.
var servers = map[string]string{"vllm": VLLM, "vitrine": Vitrine}

// Extended says whether the server takes the parameters that vLLM adds to
// OpenAI's API and tells token ids, as vLLM does and Vitrine after it.
func (i Info) Extended() bool { return i.Server != "" }

const (
	// dialTimeout bounds the first questions, and each of the gauges.
	dialTimeout = 10 * time.Second
	// headerTimeout bounds the time until an answer begins: a long queue is no
	// fault of the server.
	headerTimeout = 5 * time.Minute
	// maxBody bounds an answer that is not a stream, in bytes.
	maxBody = 8 << 20
)

// Dial asks the server which models it has and what it is. The error is an
// [*Error] that says in plain words what is wrong.
func Dial(ctx context.Context, o Options) (*Engine, error) {
	base, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	e := newEngine(o, base)
	e.info, err = e.ask(ctx)
	return e, err
}

// newEngine is a server that nothing was asked of yet.
func newEngine(o Options, base *url.URL) *Engine {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerTimeout
	transport.MaxIdleConnsPerHost = detokenizers // or most of their questions would each dial
	return &Engine{
		options: o, address: base.String(), base: base, pieces: map[int32][]byte{},
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a key is for this server only
		}},
	}
}

// ask asks what the server is.
func (e *Engine) ask(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	info := Info{Address: e.address}
	var models struct {
		Data []struct {
			ID      string `json:"id"`
			Owner   string `json:"owned_by"`
			Context int    `json:"max_model_len"`
		} `json:"data"`
	}
	if err := e.get(ctx, "/v1/models", &models); err != nil {
		return info, err
	}
	var names []string
	for _, m := range models.Data {
		names = append(names, m.ID)
		if info.Model == "" && m.ID != "" && m.ID == cmp.Or(e.options.Model, m.ID) {
			info.Model, info.Server, info.Context = m.ID, servers[m.Owner], max(m.Context, 0)
		}
	}
	switch {
	case len(names) == 0:
		return info, e.fault("the server names no models; is it one that speaks OpenAI's API?", nil)
	case info.Model == "":
		return info, e.fault(fmt.Sprintf("the server has no model %q, but %s", e.options.Model, short(strings.Join(names, ", "))), nil)
	}
	if info.Server == "" {
		return info, nil
	}
	var version struct {
		Version string `json:"version"`
	}
	// It may stand behind a gate that lets nobody ask for the version.
	if err := e.get(ctx, "/version", &version); err != nil && ctx.Err() != nil {
		return info, err
	}
	info.Version = short(version.Version)
	return info, nil
}

// Info is what the server has told of itself.
func (e *Engine) Info() Info { return e.info }

// Close ends the connections that are idle.
func (e *Engine) Close() { e.client.CloseIdleConnections() }

// fault is an error of a server that answers nonsense or not at all.
func (e *Engine) fault(reason string, cause error) *Error {
	return &Error{Address: e.address, Reason: reason, Err: cause}
}

// get asks for a path and reads its JSON into out.
func (e *Engine) get(ctx context.Context, path string, out any) error {
	return e.exchange(ctx, http.MethodGet, path, nil, out)
}

// post sends in as JSON and reads the answer's into out.
func (e *Engine) post(ctx context.Context, path string, in, out any) error {
	return e.exchange(ctx, http.MethodPost, path, in, out)
}

func (e *Engine) exchange(ctx context.Context, method, path string, in, out any) error {
	res, err := e.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return e.unreachable(ctx, err)
	case len(body) > maxBody:
		return e.fault(fmt.Sprintf("the answer to %s is over %d MiB long", path, maxBody>>20), nil)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &Error{Address: e.address, Status: res.StatusCode, Reason: "the answer to " + path + " is not the JSON that OpenAI's API has there", Err: err}
	}
	return nil
}

// send sends a request and returns its answer if that is 200; the caller
// closes its body.
func (e *Engine) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, e.fault("the request cannot be written: "+err.Error(), err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, e.base.JoinPath(path).String(), body)
	if err != nil {
		return nil, e.fault(err.Error(), err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if e.options.APIKey != "" {
		r.Header.Set("Authorization", "Bearer "+e.options.APIKey)
	}
	res, err := e.client.Do(r)
	if err != nil {
		return nil, e.unreachable(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // as much as came is told
		return nil, e.refusal(res.StatusCode, said)
	}
	return res, nil
}

// unreachable puts an error of the network into words, without the address,
// which [Error] names already.
func (e *Engine) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return e.fault("the server cannot be reached: "+err.Error(), err)
}

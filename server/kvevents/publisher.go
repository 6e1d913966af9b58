package kvevents

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"vitrine/engine"
	"vitrine/server/zmtp"
)

// Options say where events are published. The names are those of vLLM's
// KVEventsConfig.
type Options struct {
	// Endpoint is the ZeroMQ address to listen on for subscribers,
	// "tcp://127.0.0.1:5557"; the host * is every interface, port 0 a free one.
	Endpoint string
	// ReplayEndpoint is the address to listen on for those who missed some.
	// Default: nobody can ask.
	ReplayEndpoint string
	// Topic is the first frame of each message. Default empty.
	Topic string
	// BufferSteps is the number of batches that are kept for those who fell
	// behind. Default 10000. They take 64 MiB at most.
	BufferSteps int
	// Log is told what goes wrong. Default: nothing is.
	Log *slog.Logger
}

const (
	// maxBuffered bounds the bytes of the batches that are kept.
	maxBuffered = 64 << 20
	// maxPeers bounds the connections to each endpoint.
	maxPeers = 64
	// greetTimeout is how long a peer may take to greet, and writeTimeout to take
	// in a message.
	greetTimeout = 5 * time.Second
	writeTimeout = 30 * time.Second
	// maxAsked bounds a message from a peer, in bytes: a topic or a number.
	maxAsked = 1 << 10
	// maxTopics bounds the topics that a peer subscribes to.
	maxTopics = 64
	// together is the most batches that are written before it is looked again
	// what there is.
	together = 64
)

// endOfReplay is the sequence number that ends a replay: −1.
var endOfReplay = binary.BigEndian.AppendUint64(nil, ^uint64(0))

// batch is one message's last two frames.
type batch struct{ number, payload []byte }

// Publisher publishes events to whoever subscribes. Its methods may be called
// from any goroutine.
type Publisher struct {
	options   Options
	listeners []net.Listener
	work      sync.WaitGroup
	closing   context.Context
	close     context.CancelFunc

	mu     sync.Mutex
	kept   []batch // the latest, without a gap
	next   uint64  // the number of the batch that comes next
	bytes  int     // of the payloads that are kept
	more   chan struct{}
	failed bool // it was logged that something could not be encoded
}

// Listen starts to publish, until [Publisher.Close]; ctx bounds the start alone.
// The error says which endpoint cannot be listened on.
func Listen(ctx context.Context, o Options) (*Publisher, error) {
	if o.BufferSteps <= 0 {
		o.BufferSteps = 10_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{options: o, more: make(chan struct{})}
	p.closing, p.close = context.WithCancel(context.Background())
	for _, e := range []struct {
		endpoint string
		own      zmtp.SocketType
		serve    func(*zmtp.Conn)
	}{{o.Endpoint, zmtp.Pub, p.subscriber}, {o.ReplayEndpoint, zmtp.Router, p.replay}} {
		if e.endpoint == "" {
			continue
		}
		address, err := zmtp.Address(e.endpoint)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot listen on %s: %w", e.endpoint, err), p.Close())
		}
		p.listeners = append(p.listeners, l)
		p.work.Go(func() { p.accept(l, e.own, e.serve) })
	}
	return p, nil
}

// Endpoints are the addresses that are listened on, "tcp://127.0.0.1:5557": that
// for subscribers and, if there is one, that for a replay.
func (p *Publisher) Endpoints() []string {
	var out []string
	for _, l := range p.listeners {
		out = append(out, "tcp://"+l.Addr().String())
	}
	return out
}

// Close ends all connections. What was not sent yet is lost.
func (p *Publisher) Close() error {
	p.close()
	var errs []error
	for _, l := range p.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // by an earlier Close
			errs = append(errs, err)
		}
	}
	p.work.Wait()
	return errors.Join(errs...)
}

// Publish numbers the events as one batch and sends it to all subscribers. It
// never waits for any of them.
func (p *Publisher) Publish(events []engine.PrefixEvent) {
	payload, err := encode(time.Now(), events)
	p.mu.Lock()
	defer p.mu.Unlock()
	number := p.next
	p.next++
	if err != nil {
		// The number is left out, so that subscribers know that they have missed
		// something; what is kept has to be without a gap.
		p.kept, p.bytes = nil, 0
		if !p.failed {
			p.options.Log.Error("KV events cannot be published", "error", err)
		}
		p.failed = true
		return
	}
	p.kept = append(p.kept, batch{binary.BigEndian.AppendUint64(nil, number), payload})
	p.bytes += len(payload)
	for len(p.kept) > 1 && (len(p.kept) > p.options.BufferSteps || p.bytes > maxBuffered) {
		p.bytes -= len(p.kept[0].payload)
		p.kept[0] = batch{} // lets go of its memory
		p.kept = p.kept[1:]
	}
	close(p.more)
	p.more = make(chan struct{})
}

// from is what is kept from a number on, a few batches of it, the number
// behind them, and what is closed when there is more.
func (p *Publisher) from(number uint64) (some []batch, next uint64, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.next - uint64(len(p.kept))
	number = min(max(number, first), p.next) // what is no longer kept is left out
	some = p.kept[number-first:]
	some = some[:min(len(some), together)]
	// A copy: what is kept moves on.
	return append([]batch(nil), some...), number + uint64(len(some)), p.more
}

// accept serves those who connect to an endpoint.
func (p *Publisher) accept(l net.Listener, own zmtp.SocketType, serve func(*zmtp.Conn)) {
	places := make(chan struct{}, maxPeers)
	for {
		c, err := l.Accept()
		if p.closing.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil {
			p.options.Log.Warn("a subscriber of KV events could not be let in", "error", err)
			select {
			case <-time.After(100 * time.Millisecond): // the system is short of something
			case <-p.closing.Done():
			}
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			p.options.Log.Debug("a subscriber of KV events is one too many", "address", c.RemoteAddr(), "most", maxPeers)
			c.Close()
			continue
		}
		p.work.Go(func() {
			defer func() { <-places }()
			defer context.AfterFunc(p.closing, func() { c.Close() })()
			defer c.Close()
			z, err := zmtp.Open(c, own, time.Now().Add(greetTimeout), zmtp.Limits{Message: maxAsked, Write: writeTimeout})
			if err != nil {
				p.options.Log.Debug("a subscriber of KV events does not speak as one", "address", c.RemoteAddr(), "error", err)
				return
			}
			serve(z)
		})
	}
}

// subscriber sends a subscriber what is published from its subscription on. One
// that is too slow for what is kept finds numbers missing.
func (p *Publisher) subscriber(z *zmtp.Conn) {
	var mu sync.Mutex
	topics := map[string]bool{}
	changed := make(chan struct{}, 1)
	p.work.Go(func() {
		defer z.Close() // wakes the writer's next write, and reading ends with it
		defer close(changed)
		for {
			m, err := z.Read()
			if err != nil || len(m) != 1 || len(m[0]) == 0 || m[0][0] > 1 {
				return
			}
			mu.Lock()
			if topic := string(m[0][1:]); m[0][0] == 0 {
				delete(topics, topic)
			} else {
				topics[topic] = true
			}
			tooMany := len(topics) > maxTopics
			mu.Unlock()
			if tooMany {
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	})
	subscribed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for topic := range topics {
			if strings.HasPrefix(p.options.Topic, topic) {
				return true
			}
		}
		return false
	}
	topic := []byte(p.options.Topic)
	for {
		for !subscribed() {
			select {
			case _, open := <-changed:
				if !open {
					return
				}
			case <-p.closing.Done():
				return
			}
		}
		_, next, _ := p.from(^uint64(0))
		for subscribed() {
			some, after, more := p.from(next)
			for _, b := range some {
				if z.Write(topic, b.number, b.payload) != nil {
					return
				}
			}
			next = after
			if len(some) > 0 {
				continue
			}
			select {
			case <-more:
			case _, open := <-changed:
				if !open {
					return
				}
			case <-p.closing.Done():
				return
			}
		}
	}
}

// replay answers a peer's questions: an empty frame and the number of the first
// batch wanted. The answer is all from there on that is kept, and an end.
func (p *Publisher) replay(z *zmtp.Conn) {
	for {
		m, err := z.Read()
		if err != nil || len(m) != 2 || len(m[0]) != 0 || len(m[1]) != 8 {
			return
		}
		next := binary.BigEndian.Uint64(m[1])
		for {
			some, after, _ := p.from(next)
			if len(some) == 0 {
				break
			}
			for _, b := range some {
				if z.Write(nil, []byte(p.options.Topic), b.number, b.payload) != nil {
					return
				}
			}
			next = after
		}
		if z.Write(nil, nil, endOfReplay, nil) != nil {
			return
		}
	}
}

package guard

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients bounds the addresses that a [RateLimit] remembers. The one that
// has not asked for longest is forgotten first.
const maxClients = 4096

// RateLimit bounds what one address asks for, of IPv6 of one /64 network,
// by a token bucket that holds a second's worth and one at least. Behind a proxy all
// clients have one address: what a proxy says of them is not believed.
type RateLimit struct {
	perSecond rate.Limit
	burst     int
	now       func() time.Time

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element // of *client
	recent  *list.List                     // who asked last in front
}

type client struct {
	from    netip.Prefix
	limiter *rate.Limiter
}

// NewRateLimit returns a limit of so many requests a second, above 0.
func NewRateLimit(perSecond float64) *RateLimit {
	return &RateLimit{
		perSecond: rate.Limit(perSecond), burst: max(1, int(math.Ceil(perSecond))), now: time.Now,
		clients: map[netip.Prefix]*list.Element{}, recent: list.New(),
	}
}

// Protect returns a handler that passes to next the requests within the limit,
// of those that counted says count. refuse answers the others; they are told in
// Retry-After when to come again.
func (l *RateLimit) Protect(next http.Handler, counted func(*http.Request) bool, refuse func(w http.ResponseWriter, r *http.Request, status int, message string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if counted(r) {
			if wait := l.Take(r.RemoteAddr); wait > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
				refuse(w, r, http.StatusTooManyRequests, "too many requests from this address; at most "+strconv.FormatFloat(float64(l.perSecond), 'g', 3, 64)+" a second are answered")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// PerSecond is how many are within the limit.
func (l *RateLimit) PerSecond() float64 { return float64(l.perSecond) }

// Take counts something that an address, host:port, asks for and returns 0, or how
// long that is too much. A nil limit has room for everything.
func (l *RateLimit) Take(remote string) (wait time.Duration) {
	if l == nil {
		return 0
	}
	return l.take(network(remote))
}

// take takes a token for a client and returns 0, or how long there is none.
func (l *RateLimit) take(from netip.Prefix) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.clients[from]
	if !ok {
		if l.recent.Len() >= maxClients {
			oldest := l.recent.Remove(l.recent.Back()).(*client)
			delete(l.clients, oldest.from)
		}
		e = l.recent.PushFront(&client{from, rate.NewLimiter(l.perSecond, l.burst)})
		l.clients[from] = e
	}
	l.recent.MoveToFront(e)
	now := l.now()
	reservation := e.Value.(*client).limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// network is what a remote address is counted as. Addresses that cannot be
// read count as one.
func network(remote string) netip.Prefix {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip := addr.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

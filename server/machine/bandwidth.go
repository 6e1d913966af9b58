package machine

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/edsrzf/mmap-go"
)

// Bandwidth is how fast memory is read.
type Bandwidth struct {
	Threads        int     `json:"threads"`
	Bytes          int     `json:"bytes"` // of the buffer that was read
	BytesPerSecond float64 `json:"bytes_per_second"`
}

// GB is the rate in gigabytes (10⁹ bytes) a second.
func (b Bandwidth) GB() float64 { return b.BytesPerSecond / 1e9 }

// passes over the buffer; the fastest counts, for others on the machine can
// only slow it down.
const passes = 7

const (
	line  = 64 / 8       // words in a cache line (or half of one, on some processors)
	chunk = 4 * line * 8 // bytes that a thread reads in one iteration
)

// ReadBandwidth measures how fast the given number of threads together read a
// buffer of bytes from front to back, each its own part. With a buffer that is
// several times the last cache (see [MemoryBuffer]) that is the bandwidth of
// the memory; with one as large as a model's weights it is the rate at which
// they can come from wherever they then lie. A decoded token reads all weights
// once, so
//
//	share of the bandwidth = bytes of weights · steps a second / BytesPerSecond
//
// It takes some tenths of a second a gigabyte and gives the buffer back. When ctx
// ends it gives up within the time of one pass over the buffer.
func ReadBandwidth(ctx context.Context, threads, bytes int) (Bandwidth, error) {
	if threads < 1 || bytes < threads*chunk {
		return Bandwidth{}, fmt.Errorf("machine: reading %d bytes with %d threads, want at least one thread and %d bytes for each", bytes, threads, chunk)
	}
	if err := ctx.Err(); err != nil {
		return Bandwidth{}, fmt.Errorf("machine: reading memory: %w", err)
	}
	part := bytes / threads / chunk * chunk
	bytes = part * threads
	// Outside of Go's heap, so that it is given back at once.
	buffer, err := mmap.MapRegion(nil, bytes, mmap.RDWR, mmap.ANON, 0)
	if err != nil {
		return Bandwidth{}, fmt.Errorf("machine: a buffer of %d bytes: %w", bytes, err)
	}
	defer func() { _ = buffer.Unmap() }() // a buffer that stays does no harm
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&buffer[0])), bytes/8)
	each := func(f func(part []uint64)) time.Duration {
		var wg sync.WaitGroup
		start := time.Now()
		for i := range threads {
			mine := words[i*part/8 : (i+1)*part/8]
			wg.Go(func() { f(mine) })
		}
		wg.Wait()
		return time.Since(start)
	}
	// Memory that was never written is one page of zeros, read from the cache.
	// Its pages come from the system at the first write, which takes a while.
	each(func(part []uint64) {
		for i := range part {
			if i%(1<<20) == 0 && ctx.Err() != nil {
				return
			}
			part[i] = uint64(i)
		}
	})
	sums := make(chan uint64, threads)
	best := time.Duration(1<<63 - 1)
	for range passes {
		if err := ctx.Err(); err != nil {
			return Bandwidth{}, fmt.Errorf("machine: reading memory: %w", err)
		}
		best = min(best, each(func(part []uint64) { sums <- sum(part) }))
		for range threads {
			n := uint64(part / 8 / line)
			if got, want := <-sums, line*n*(n-1)/2; got != want {
				return Bandwidth{}, fmt.Errorf("machine: memory reads back a sum of %d, want %d", got, want)
			}
		}
	}
	return Bandwidth{threads, bytes, float64(bytes) / best.Seconds()}, nil
}

// sum adds up one word of each cache line, of a multiple of chunk bytes. A line
// comes from memory whole, so that reads all of it; to load every word would
// keep fewer lines on their way at a time, and wait for the processor instead
// of for the memory.
func sum(words []uint64) uint64 {
	var a, b, c, d uint64
	for len(words) >= chunk/8 {
		w := words[: chunk/8 : chunk/8]
		a += w[0]
		b += w[line]
		c += w[2*line]
		d += w[3*line]
		words = words[chunk/8:]
	}
	return a + b + c + d
}

// MemoryBuffer is the size of a buffer, in bytes, that the caches of the
// machine do not help to read: four times the last of them, at least 256 MiB,
// and at most a quarter of the memory.
func (i Info) MemoryBuffer() int {
	bytes := max(256<<20, 4*i.L3)
	if i.Memory > 0 {
		bytes = min(bytes, int(min(i.Memory/4, 1<<40)))
	}
	return bytes
}

package assets

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"

	"github.com/andybalholm/brotli"
)

// Quality says how much time compression may take.
type Quality int

// The qualities, with what they cost for a client of 5 MB on one core.
const (
	Quick Quality = iota // while someone waits: half a second
	Best                 // for a release, or in the background: ten seconds, an eighth smaller
)

// Compressed is a file in all encodings. The compressed forms may be empty.
type Compressed struct {
	Identity, Brotli, Gzip []byte
}

// window is how far back a brotli encoder looks, as a power of two: the most that
// RFC 7932 allows, 16 MB, for a program is longer than the usual 4.
const window = 24

// Compress returns body in all encodings. It is not copied.
func Compress(body []byte, q Quality) Compressed {
	// Without an end of the context there is no error.
	c, _ := CompressContext(context.Background(), body, q)
	return c
}

// CompressContext does what [Compress] does. It stops soon after the end of
// the context, whose error is the only one.
func CompressContext(ctx context.Context, body []byte, q Quality) (Compressed, error) {
	brotliLevel, gzipLevel := 9, gzip.DefaultCompression
	if q == Best {
		brotliLevel, gzipLevel = brotli.BestCompression, gzip.BestCompression
	}
	c := Compressed{
		Identity: body,
		Brotli: written(ctx, body, func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: brotliLevel, LGWin: window})
		}),
		Gzip: written(ctx, body, func(w io.Writer) io.WriteCloser {
			// The level is one of the package's own constants, so there is no error.
			z, _ := gzip.NewWriterLevel(w, gzipLevel)
			return z
		}),
	}
	return c, ctx.Err()
}

// written returns what the encoder makes of body, or a part of it if the
// context ends.
func written(ctx context.Context, body []byte, encoder func(io.Writer) io.WriteCloser) []byte {
	const piece = 64 << 10
	var out bytes.Buffer
	w := encoder(&out)
	// A bytes.Buffer takes everything, so neither call can fail.
	for rest := body; len(rest) > 0 && ctx.Err() == nil; {
		n := min(piece, len(rest))
		_, _ = w.Write(rest[:n])
		rest = rest[n:]
	}
	if ctx.Err() == nil {
		_ = w.Close()
	}
	return out.Bytes()
}

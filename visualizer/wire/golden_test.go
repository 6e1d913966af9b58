package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew; a changed vector needs a new Version")

// TestGoldenFrames and TestGoldenCommands hold every kind to its bytes: the
// sample encodes to the vector in testdata, and the vector decodes to the sample.
func TestGoldenFrames(t *testing.T) {
	samples := sampleFrames()
	if len(samples) != len(frameNames) {
		t.Fatalf("%d samples for %d kinds", len(samples), len(frameNames))
	}
	for i, f := range samples {
		if f.Kind() != KindHello+Kind(i) {
			t.Fatalf("sample %d is of kind %v, want %v", i, f.Kind(), KindHello+Kind(i))
		}
		t.Run(f.Kind().String(), func(t *testing.T) {
			want := golden(t, f.Kind(), AppendFrame(nil, f))
			back, err := DecodeFrame(want)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, f) {
				t.Errorf("decoded\n%+v\nwant\n%+v", back, f)
			}
		})
	}
}

func TestGoldenCommands(t *testing.T) {
	samples := sampleCommands()
	sampled := map[Kind]bool{}
	for _, m := range samples {
		sampled[m.Kind()] = true
	}
	for i, name := range commandNames {
		if k := KindOpen + Kind(i); sampled[k] != (name != "") || k.IsCommand() != (name != "") {
			t.Fatalf("kind %d, %q: a sample %v, a command %v", k, name, sampled[k], k.IsCommand())
		}
	}
	for _, m := range samples {
		t.Run(m.Kind().String(), func(t *testing.T) {
			want := golden(t, m.Kind(), AppendCommand(nil, m))
			back, err := DecodeCommand(want)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, m) {
				t.Errorf("decoded\n%+v\nwant\n%+v", back, m)
			}
		})
	}
}

// golden compares an encoding with the vector of its kind and returns the vector.
func golden(t *testing.T, k Kind, have []byte) []byte {
	t.Helper()
	name := filepath.Join("testdata", strings.ToLower(k.String())+".hex")
	if *update {
		var s strings.Builder
		for b := have; len(b) > 0; {
			n := min(32, len(b))
			s.WriteString(hex.EncodeToString(b[:n]) + "\n")
			b = b[n:]
		}
		if err := os.WriteFile(name, []byte(s.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Fatalf("%v encodes to\n%x\nthe golden vector is\n%x", k, have, want)
	}
	return want
}

// TestSamplesSetEveryField keeps the golden vectors honest: a field that is
// zero in its sample could move or vanish without a vector changing.
func TestSamplesSetEveryField(t *testing.T) {
	for _, f := range sampleFrames() {
		requireSet(t, f.Kind().String(), reflect.ValueOf(f).Elem())
	}
	for _, m := range sampleCommands() {
		requireSet(t, m.Kind().String(), reflect.ValueOf(m).Elem())
	}
}

// requireSet reports fields that are zero; of a slice of structs, those that
// are zero in all of its elements.
func requireSet(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		name, f := path+"."+v.Type().Field(i).Name, v.Field(i)
		switch {
		case f.IsZero():
			t.Errorf("%s is zero in its sample", name)
		case f.Kind() == reflect.Struct:
			requireSet(t, name, f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Type().Elem().NumField() {
				set := false
				for e := range f.Len() {
					set = set || !f.Index(e).Field(j).IsZero()
				}
				if !set {
					t.Errorf("%s[].%s is zero in its sample", name, f.Type().Elem().Field(j).Name)
				}
			}
		}
	}
}

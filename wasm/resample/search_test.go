package resample

import (
	"slices"
	"testing"

	"vitrine/engine/sampler"
)

func TestSearch(t *testing.T) {
	pieces := []string{"the", " the", "The", " then", "other", "", "7", " 3", "thesis", " "}
	logits := []float32{1, 5, 2, 9, 9, 0, 0, 4, 3, 8}
	p := sampler.Defaults()
	report, err := sampler.New(len(logits)).Explain(logits, &p, sampler.History{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text string
		n    int
		want []int32
	}{
		{"the", 8, []int32{0, 2, 1, 3, 8}},  // itself, its capital, with a space, then what begins with it by logit
		{" the", 8, []int32{1, 2, 0, 3, 8}}, // the space was meant
		{"the", 2, []int32{0, 2}},
		{"7", 8, []int32{7, 6}}, // the token of that id, then the text
		{"3", 8, []int32{3, 7}}, // each once
		{"12", 8, nil},          // an id that does not exist, and no such text
		{" ", 8, []int32{9}},    // not everything that begins with a space
		{"", 8, nil},
		{"zebra", 8, nil},
	} {
		got := Search(&report, test.text, test.n, func(id int32) ([]byte, bool) { return []byte(pieces[id]), true })
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, want %v", test.text, got, test.want)
		}
	}
	// What is not known yet is not found.
	if got := Search(&report, "the", 8, func(id int32) ([]byte, bool) { return []byte(pieces[id]), id > 2 }); !slices.Equal(got, []int32{3, 8}) {
		t.Errorf("with a part of the vocabulary: %v, want [3 8]", got)
	}
}

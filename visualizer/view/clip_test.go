package view

import (
	"testing"

	"pgregory.net/rapid"
)

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    string
	}{
		{"gravity", 7, "gravity"},
		{"gravity", 6, "gravi…"},
		{"gravity", 1, "…"},
		{"gravity", 0, ""},
		{"", 0, ""},
		{"什么是重力", 10, "什么是重力"},
		{"什么是重力", 9, "什么是重…"},
		{"什么是重力", 8, "什么是…"},
		{"<|im_start|>", 8, "<|im_st…"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
		{"👩🚀", 3, "👩…"},
		{"·⏎", 2, "·⏎"},
	} {
		if got := Clip(tt.text, tt.columns); got != tt.want {
			t.Errorf("%q in %d columns is %q, want %q", tt.text, tt.columns, got, tt.want)
		}
	}
}

func TestClipFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, columns := rapid.String().Draw(t, "text"), rapid.IntRange(-2, 30).Draw(t, "columns")
		if got := Clip(text, columns); Columns(got) > max(columns, 0) {
			t.Fatalf("%q in %d columns is %q, %d columns wide", text, columns, got, Columns(got))
		}
	})
}

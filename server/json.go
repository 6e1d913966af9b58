package main

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
)

// writeJSON writes v as one line of JSON, with <, > and & as they are: token
// pieces are full of them.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// number is a float32 that is written in the fewest digits that give it back,
// and as null where JSON has no number for it: a token that is ruled out has
// the log-probability −Inf.
type number float32

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 32), nil
}

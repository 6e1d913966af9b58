package gguf

import (
	"errors"
	"fmt"
)

// The getters of a File give the value of a key in the Go type that a caller needs. Their errors name the key, and wrap
// ErrMissing if the file has none. Those with Or in their name give a default instead of ErrMissing, but still fail on
// a value of another type.

// String gives a copy of a string.
func (f *File) String(key string) (string, error) { return get(f, key, Value.Text) }

// Uint gives an integer of any size that is not negative.
func (f *File) Uint(key string) (uint64, error) { return get(f, key, Value.Uint) }

// Int gives an integer of any size.
func (f *File) Int(key string) (int64, error) { return get(f, key, Value.Int) }

// Float gives a float32 or float64.
func (f *File) Float(key string) (float64, error) { return get(f, key, Value.Float) }

// Bool gives a boolean.
func (f *File) Bool(key string) (bool, error) { return get(f, key, Value.Bool) }

// Strings gives an array of strings, which share one copy of it.
func (f *File) Strings(key string) ([]string, error) { return get(f, key, Value.Strings) }

// Ints gives an array of integers of any size.
func (f *File) Ints(key string) ([]int64, error) { return get(f, key, Value.Ints) }

// Floats gives an array of float32, or of float64 rounded to float32.
func (f *File) Floats(key string) ([]float32, error) { return get(f, key, Value.Floats) }

// Bools gives an array of booleans.
func (f *File) Bools(key string) ([]bool, error) { return get(f, key, Value.Bools) }

// StringOr is String with a default.
func (f *File) StringOr(key, def string) (string, error) { return or(def)(f.String(key)) }

// UintOr is Uint with a default.
func (f *File) UintOr(key string, def uint64) (uint64, error) { return or(def)(f.Uint(key)) }

// IntOr is Int with a default.
func (f *File) IntOr(key string, def int64) (int64, error) { return or(def)(f.Int(key)) }

// FloatOr is Float with a default.
func (f *File) FloatOr(key string, def float64) (float64, error) { return or(def)(f.Float(key)) }

// BoolOr is Bool with a default.
func (f *File) BoolOr(key string, def bool) (bool, error) { return or(def)(f.Bool(key)) }

// get decodes the value of a key.
func get[T any](f *File, key string, decode func(Value) (T, error)) (T, error) {
	var zero T
	value, ok := f.Lookup(key)
	if !ok {
		return zero, fmt.Errorf("gguf: %q: %w", key, ErrMissing)
	}
	decoded, err := decode(value)
	if err != nil {
		return zero, fmt.Errorf("gguf: %q: %w", key, err)
	}
	return decoded, nil
}

// or puts def in the place of a missing value.
func or[T any](def T) func(T, error) (T, error) {
	return func(value T, err error) (T, error) {
		if errors.Is(err, ErrMissing) {
			return def, nil
		}
		return value, err
	}
}

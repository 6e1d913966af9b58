package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// jsonReader reads JSON token by token. encoding/json's own way into structs would let a name pass that comes twice or
// in another case, which two readers of a file might take differently.
type jsonReader struct {
	decoder *json.Decoder
}

// readJSON calls read with data's tokens, and holds data to UTF-8 and to one JSON value.
func readJSON(data []byte, read func(*jsonReader) error) error {
	if !utf8.Valid(data) {
		return errors.New("the JSON is not valid UTF-8")
	}
	r := &jsonReader{json.NewDecoder(bytes.NewReader(data))}
	r.decoder.UseNumber()
	if err := read(r); err != nil {
		return err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the JSON at byte %d", r.decoder.InputOffset())
	}
	return nil
}

// object reads an object, and calls member at the value of each name. No name may come twice.
func (r *jsonReader) object(member func(name string) error) error {
	if err := r.delim('{', "an object"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.decoder.More() {
		name, err := r.string()
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("the name %q comes twice", name)
		}
		seen[name] = true
		if err := member(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return r.delim('}', "the end of the object")
}

// ints reads an array of at most limit integers that are not negative.
func (r *jsonReader) ints(limit int) ([]int, error) {
	if err := r.delim('[', "an array"); err != nil {
		return nil, err
	}
	ints := []int{}
	for r.decoder.More() {
		if len(ints) == limit {
			return nil, fmt.Errorf("the array has more than %d numbers", limit)
		}
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, r.unexpected(token, "a number")
		}
		i, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil || i > math.MaxInt {
			return nil, fmt.Errorf("%s is not an integer from 0 to %d", number, math.MaxInt)
		}
		ints = append(ints, int(i))
	}
	return ints, r.delim(']', "the end of the array")
}

func (r *jsonReader) string() (string, error) {
	token, err := r.token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", r.unexpected(token, "a string")
	}
	return s, nil
}

// skip steps over a value of any kind.
func (r *jsonReader) skip() error {
	var ignored json.RawMessage
	return r.at(r.decoder.Decode(&ignored))
}

func (r *jsonReader) delim(want json.Delim, name string) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	if token != want {
		return r.unexpected(token, name)
	}
	return nil
}

func (r *jsonReader) token() (json.Token, error) {
	token, err := r.decoder.Token()
	return token, r.at(err)
}

func (r *jsonReader) unexpected(token json.Token, want string) error {
	return fmt.Errorf("%.80q before byte %d is not %s", fmt.Sprint(token), r.decoder.InputOffset(), want)
}

// at adds the place to an error in the JSON itself.
func (r *jsonReader) at(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("the JSON is broken near byte %d: %w", r.decoder.InputOffset(), err)
	}
	return nil
}

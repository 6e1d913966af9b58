package structured

import (
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxNesting bounds how deep a schema's text nests.
	maxNesting = 200
	// maxValues bounds the values in a schema: the library that judges it takes
	// time with their square.
	maxValues = 10_000
	// maxName bounds the bytes of a property's name, and maxPointers those of the
	// JSON pointers of all values together: rules, and the library, are named by them.
	maxName     = 4 << 10
	maxPointers = 4 << 20
)

// A document is a value of JSON that keeps the order of an object's members,
// which is the order in which they are to be written.
type document struct {
	value   any            // nil, bool, json.Number, string, or for objects and arrays their kind
	names   []string       // of an object's members
	places  map[string]int // of the names
	content []document     // an object's or an array's
}

// kind is the value of a document that holds others.
type kind string

const (
	isObject kind = "object"
	isArray  kind = "array"
)

// read reads a text that holds one value.
func read(text string) (document, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	r := &reader{Decoder: d}
	doc, err := r.value("", 0)
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return doc, err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return doc, errorf("", "is not JSON: %v at byte %d", err, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return doc, errorf("", "is not JSON: more comes behind the value, at byte %d", d.InputOffset())
	}
	return doc, nil
}

// reader reads values and counts them.
type reader struct {
	*json.Decoder
	values   int
	pointers int // bytes
}

func (d *reader) value(pointer string, depth int) (document, error) {
	if d.values++; d.values > maxValues {
		return document{}, errorf(pointer, "is where the schema grows too large, want at most %d values in all", maxValues)
	}
	token, err := d.Token()
	if err != nil {
		return document{}, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return document{value: token}, nil
	}
	if depth >= maxNesting {
		return document{}, errorf(pointer, "nests more than %d deep", maxNesting)
	}
	doc := document{value: isArray}
	if delim == '{' {
		doc.value, doc.places = isObject, map[string]int{}
	}
	for d.More() {
		at := strconv.Itoa(len(doc.content))
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return doc, err
			}
			at, _ = name.(string)
			if len(at) > maxName {
				return doc, errorf(pointer, "has a name of %d bytes, want at most %d", len(at), maxName)
			}
			if _, there := doc.places[at]; there {
				return doc, errorf(join(pointer, at), "is there twice")
			}
			doc.places[at] = len(doc.names)
			doc.names = append(doc.names, at)
		}
		place := join(pointer, at)
		if d.pointers += len(place); d.pointers > maxPointers {
			return doc, errorf(pointer, "is where the schema's names grow too long, want at most %d bytes of JSON pointers to all values", maxPointers)
		}
		inner, err := d.value(place, depth+1)
		if err != nil {
			return doc, err
		}
		doc.content = append(doc.content, inner)
	}
	_, err = d.Token()
	return doc, err
}

// A step of a JSON pointer has its tildes and slashes escaped.
var (
	escapeStep   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapeStep = strings.NewReplacer("~1", "/", "~0", "~")
)

// join adds a step to a JSON pointer.
func join(pointer, step string) string { return pointer + "/" + escapeStep.Replace(step) }

// get returns an object's member, or nil.
func (d *document) get(name string) *document {
	i, ok := d.places[name]
	if !ok {
		return nil
	}
	return &d.content[i]
}

// at returns what a JSON pointer leads to, or nil.
func (d *document) at(pointer string) *document {
	if pointer == "" {
		return d
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = unescapeStep.Replace(step)
		switch d.value {
		case isObject:
			if d = d.get(step); d == nil {
				return nil
			}
		case isArray:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(d.content) || step != strconv.Itoa(i) { // one pointer a place
				return nil
			}
			d = &d.content[i]
		default:
			return nil
		}
	}
	return d
}

// text writes the document without space, numbers as they were.
func (d *document) text() string { return string(d.append(nil, false)) }

// canonical writes the document so that equal values give equal texts.
func (d *document) canonical() string { return string(d.append(nil, true)) }

func (d *document) append(to []byte, canonical bool) []byte {
	switch v := d.value.(type) {
	case nil:
		return append(to, "null"...)
	case bool:
		return strconv.AppendBool(to, v)
	case string:
		return append(append(append(to, '"'), quote(v)...), '"')
	case json.Number:
		if canonical {
			return append(to, canonicalNumber(v)...)
		}
		return append(to, v...)
	}
	order := make([]int, len(d.content))
	for i := range order {
		order[i] = i
	}
	open, end := byte('['), byte(']')
	if d.value == isObject {
		open, end = '{', '}'
		if canonical {
			slices.SortFunc(order, func(a, b int) int { return strings.Compare(d.names[a], d.names[b]) })
		}
	}
	to = append(to, open)
	for i, at := range order {
		if i > 0 {
			to = append(to, ',')
		}
		if d.value == isObject {
			to = append(append(append(to, '"'), quote(d.names[at])...), `":`...)
		}
		to = d.content[at].append(to, canonical)
	}
	return append(to, end)
}

// canonicalNumber writes a number in the one way that there is for its amount.
func canonicalNumber(n json.Number) string {
	d, negative, err := parseDecimal(n.String())
	if err != nil {
		return n.String() // too many digits to compare: as it is
	}
	s := d.whole + "." + d.fraction
	if negative {
		s = "-" + s
	}
	return s
}

// count reads a number of things.
func (d *document) count() (int, bool) {
	n, ok := d.value.(json.Number)
	if !ok {
		return 0, false
	}
	dec, negative, err := parseDecimal(n.String())
	if err != nil || negative || dec.fraction != "" {
		return 0, false
	}
	v, ok := new(big.Int).SetString("0"+dec.whole, 10)
	if !ok || !v.IsInt64() || v.Int64() > 1<<31 {
		return 1 << 31, true // more than any text is long
	}
	return int(v.Int64()), true
}

package gguf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"vitrine/engine/quant"
)

const (
	magic            = "GGUF"
	alignmentKey     = "general.alignment"
	defaultAlignment = 32
	maxAlignment     = 1 << 16 // the largest page of a common processor
	maxKeyLength     = 1<<16 - 1
	maxNameLength    = 64
	maxDimensions    = 4
	maxNesting       = 8 // arrays of arrays; the format sets no limit, a parser that recurses needs one

	// The smallest that an entry can be in the file: what a count of them is held against before anything is read.
	minEntryBytes  = 8 + 1 + 4 + 1     // a key of one byte, type, a value of one byte
	minTensorBytes = 8 + 1 + 4 + 4 + 8 // a name of one byte, no dimensions, format, offset
)

// Parse reads a GGUF file from data, which has to stay as it is for as long as the File is used: values and tensors
// are views of it.
func Parse(data []byte) (*File, error) {
	f, err := parse(&cursor{data: data})
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return f, nil
}

func parse(c *cursor) (*File, error) {
	f := &File{metadataIndex: map[string]int{}, tensorIndex: map[string]int{}}
	var err error
	if f.Version, err = parseVersion(c); err != nil {
		return nil, err
	}
	tensors, err := c.uint64("number of tensors")
	if err != nil {
		return nil, err
	}
	entries, err := c.uint64("number of metadata entries")
	if err != nil {
		return nil, err
	}
	if err := c.fits(tensors, minTensorBytes, "tensors"); err != nil {
		return nil, err
	}
	if err := c.fits(entries, minEntryBytes, "metadata entries"); err != nil {
		return nil, err
	}

	for i := range entries {
		kv, err := parseEntry(c)
		if err != nil {
			return nil, fmt.Errorf("metadata entry %d: %w", i, err)
		}
		if first, ok := f.metadataIndex[kv.Key]; ok {
			return nil, fmt.Errorf("metadata entry %d: key %q is that of entry %d already", i, kv.Key, first)
		}
		f.metadataIndex[kv.Key] = len(f.Metadata)
		f.Metadata = append(f.Metadata, kv)
	}
	if f.Alignment, err = alignmentOf(f); err != nil {
		return nil, err
	}

	var places []place
	for i := range tensors {
		tensor, p, err := parseTensorInfo(c)
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		if first, ok := f.tensorIndex[tensor.Name]; ok {
			return nil, fmt.Errorf("tensor %d: name %q is that of tensor %d already", i, tensor.Name, first)
		}
		f.tensorIndex[tensor.Name] = len(f.Tensors)
		f.Tensors = append(f.Tensors, tensor)
		places = append(places, p)
	}
	return f, f.placeTensors(c, places)
}

func parseVersion(c *cursor) (uint32, error) {
	start, err := c.take(uint64(len(magic)), "magic number")
	if err != nil {
		return 0, err
	}
	if string(start) != magic {
		return 0, fmt.Errorf("the file starts with %q, a GGUF file with %q", start, magic)
	}
	version, err := c.uint32("version")
	switch {
	case err != nil:
		return 0, err
	case version == 2 || version == 3:
		return version, nil
	case version != 0 && version&0xffff == 0: // no version is that high, but a big-endian file's looks so
		return 0, errors.New("the file is big-endian; convert it with gguf_convert_endian.py of llama.cpp")
	}
	return 0, fmt.Errorf("version %d is not supported, only 2 and 3", version)
}

func parseEntry(c *cursor) (KV, error) {
	key, err := c.name("key", maxKeyLength)
	if err != nil {
		return KV{}, err
	}
	typ, err := c.uint32("type of the value")
	if err != nil {
		return KV{}, fmt.Errorf("key %q: %w", key, err)
	}
	value, err := parseValue(c, ValueType(typ), 0)
	if err != nil {
		return KV{}, fmt.Errorf("key %q: %w", key, err)
	}
	return KV{Key: key, Value: value}, nil
}

// parseValue steps over the value of a type at the cursor, and checks that all of it is there. depth is the number of
// arrays that it lies in.
func parseValue(c *cursor, typ ValueType, depth int) (Value, error) {
	switch size := typ.size(); {
	case size > 0:
		raw, err := c.take(uint64(size), typ.String())
		if err != nil {
			return Value{}, err
		}
		return Value{typ: typ, raw: raw}, checkBools(typ, raw)
	case typ == TypeString:
		raw, err := c.string("string")
		return Value{typ: typ, raw: raw}, err
	case typ == TypeArray:
		return parseArray(c, depth)
	}
	return Value{}, fmt.Errorf("the value's type is %d; types are 0 to %d", uint32(typ), uint32(TypeFloat64))
}

func parseArray(c *cursor, depth int) (Value, error) {
	if depth == maxNesting {
		return Value{}, fmt.Errorf("arrays are nested more than %d deep", maxNesting)
	}
	t, err := c.uint32("type of the array's elements")
	if err != nil {
		return Value{}, err
	}
	elem := ValueType(t)
	n, err := c.uint64("length of the array")
	if err != nil {
		return Value{}, err
	}
	smallest := elem.size()
	switch elem {
	case TypeString:
		smallest = 8 // its length
	case TypeArray:
		smallest = 4 + 8 // its type and length
	}
	if smallest == 0 {
		return Value{}, fmt.Errorf("the type of the array's elements is %d; types are 0 to %d", t, uint32(TypeFloat64))
	}
	if err := c.fits(n, smallest, "array elements of type "+elem.String()); err != nil {
		return Value{}, err
	}
	array := Value{typ: TypeArray, elem: elem, n: int(n)}
	start := c.at
	if size := elem.size(); size > 0 {
		array.raw, err = c.take(n*uint64(size), "array")
		if err != nil {
			return Value{}, err
		}
		return array, checkBools(elem, array.raw)
	}
	for i := range n {
		if _, err := parseValue(c, elem, depth+1); err != nil {
			return Value{}, fmt.Errorf("array element %d: %w", i, err)
		}
	}
	array.raw = c.data[start:c.at]
	return array, nil
}

// checkBools holds the bytes of booleans to 0 and 1, as the format does.
func checkBools(typ ValueType, raw []byte) error {
	if typ != TypeBool {
		return nil
	}
	for i, b := range raw {
		if b > 1 {
			return fmt.Errorf("boolean %d is %d, neither 0 (false) nor 1 (true)", i, b)
		}
	}
	return nil
}

func alignmentOf(f *File) (int, error) {
	value, ok := f.Lookup(alignmentKey)
	if !ok {
		return defaultAlignment, nil
	}
	return checkAlignment(value)
}

// checkAlignment holds an alignment to the format's rule (a multiple of 8), to llama.cpp's (a power of two), and to a
// limit, so that the padding that it asks for stays small.
func checkAlignment(value Value) (int, error) {
	alignment, err := value.Uint()
	if err != nil {
		return 0, fmt.Errorf("key %q: %w", alignmentKey, err)
	}
	if alignment < 8 || alignment&(alignment-1) != 0 || alignment > maxAlignment {
		return 0, fmt.Errorf("%s is %d; it has to be a power of two from 8 to %d", alignmentKey, alignment, maxAlignment)
	}
	return int(alignment), nil
}

// place is where a tensor's data stands.
type place struct {
	offset uint64 // from the start of the data section
	size   int    // bytes
}

func parseTensorInfo(c *cursor) (Tensor, place, error) {
	name, err := c.name("name", maxNameLength)
	if err != nil {
		return Tensor{}, place{}, err
	}
	tensor, p, err := parseShape(c)
	if err != nil {
		return Tensor{}, place{}, fmt.Errorf("name %q: %w", name, err)
	}
	tensor.Name = name
	return tensor, p, nil
}

// parseShape reads what follows a tensor's name: dimensions, number format and offset.
func parseShape(c *cursor) (Tensor, place, error) {
	dimensions, err := c.uint32("number of dimensions")
	if err != nil {
		return Tensor{}, place{}, err
	}
	if dimensions > maxDimensions {
		return Tensor{}, place{}, fmt.Errorf("%d dimensions; a tensor has at most %d", dimensions, maxDimensions)
	}
	shape := make([]int, dimensions)
	for i := range shape {
		d, err := c.uint64("dimension")
		if err != nil {
			return Tensor{}, place{}, err
		}
		if d > math.MaxInt {
			return Tensor{}, place{}, fmt.Errorf("dimension %d is %d, beyond what an int holds", i, d)
		}
		shape[len(shape)-1-i] = int(d)
	}
	typ, err := c.uint32("number format")
	if err != nil {
		return Tensor{}, place{}, err
	}
	offset, err := c.uint64("offset")
	if err != nil {
		return Tensor{}, place{}, err
	}
	tensor := Tensor{Type: quant.Type(typ), Shape: shape}
	size, err := dataSize(tensor.Type, shape)
	return tensor, place{offset, size}, err
}

// dataSize gives the bytes that a tensor takes. It fails if the shape or the format is not one that a file may have.
func dataSize(typ quant.Type, shape []int) (int, error) {
	if len(shape) > maxDimensions {
		return 0, fmt.Errorf("%d dimensions; a tensor has at most %d", len(shape), maxDimensions)
	}
	elements := 1
	for _, d := range shape {
		if d < 1 {
			return 0, fmt.Errorf("shape %v: every dimension has to be at least 1", shape)
		}
		if elements > math.MaxInt/d {
			return 0, fmt.Errorf("shape %v: the number of elements does not fit an int", shape)
		}
		elements *= d
	}
	cols := (&Tensor{Shape: shape}).Cols()
	if _, err := typ.RowBytes(cols); err != nil { // no block may span two rows
		return 0, fmt.Errorf("shape %v: %w", shape, err)
	}
	size, err := typ.RowBytes(elements)
	if err != nil {
		return 0, fmt.Errorf("shape %v: %w", shape, err)
	}
	return size, nil
}

// placeTensors gives each tensor its data, once all of it is known to lie in the file, aligned and apart.
func (f *File) placeTensors(c *cursor, places []place) error {
	if len(places) == 0 {
		return nil // then there need be no data section, nor the padding before it
	}
	if _, err := c.take(uint64(padding(c.at, f.Alignment)), "padding before the tensor data"); err != nil {
		return err
	}
	data := c.data[c.at:]
	for i, p := range places {
		if p.offset%uint64(f.Alignment) != 0 {
			return fmt.Errorf("tensor %d (%q): offset %d is not a multiple of the alignment, %d", i, f.Tensors[i].Name, p.offset, f.Alignment)
		}
		if p.offset > uint64(len(data)) || uint64(p.size) > uint64(len(data))-p.offset {
			return fmt.Errorf("tensor %d (%q): %d bytes at offset %d end past the tensor data, which has %d bytes; is the file cut off?",
				i, f.Tensors[i].Name, p.size, p.offset, len(data))
		}
		start, end := int(p.offset), int(p.offset)+p.size
		f.Tensors[i].Data = data[start:end:end]
	}
	return f.checkApart(places)
}

// checkApart refuses tensors that share bytes.
func (f *File) checkApart(places []place) error {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(places[a].offset, places[b].offset) })
	for k := 1; k < len(order); k++ {
		before, after := order[k-1], order[k]
		if end := places[before].offset + uint64(places[before].size); end > places[after].offset {
			return fmt.Errorf("tensor %d (%q) at offset %d overlaps tensor %d (%q), which ends at %d",
				after, f.Tensors[after].Name, places[after].offset, before, f.Tensors[before].Name, end)
		}
	}
	return nil
}

// padding is the number of bytes from at to the next multiple of the alignment.
func padding(at, alignment int) int {
	return (alignment - at%alignment) % alignment
}

// cursor walks through a file's bytes, and never past their end.
type cursor struct {
	data []byte
	at   int // offset of the next byte
}

// take steps over n bytes and returns them, as a view. what names them in the error.
func (c *cursor) take(n uint64, what string) ([]byte, error) {
	left := len(c.data) - c.at
	if n > uint64(left) {
		return nil, fmt.Errorf("%s at byte %d takes %d bytes, and the file has %d left", what, c.at, n, left)
	}
	c.at += int(n)
	return c.data[c.at-int(n) : c.at : c.at], nil
}

func (c *cursor) uint32(what string) (uint32, error) {
	raw, err := c.take(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(raw), nil
}

func (c *cursor) uint64(what string) (uint64, error) {
	raw, err := c.take(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(raw), nil
}

// string steps over a string, its length first, and returns its bytes.
func (c *cursor) string(what string) ([]byte, error) {
	n, err := c.uint64("length of the " + what)
	if err != nil {
		return nil, err
	}
	return c.take(n, what)
}

// name reads a key or a tensor's name, and copies it.
func (c *cursor) name(what string, longest int) (string, error) {
	n, err := c.uint64("length of the " + what)
	if err != nil {
		return "", err
	}
	if err := checkNameLength(what, n, longest); err != nil {
		return "", fmt.Errorf("at byte %d: %w", c.at, err)
	}
	raw, err := c.take(n, what)
	return string(raw), err
}

func checkNameLength(what string, n uint64, longest int) error {
	if n == 0 || n > uint64(longest) {
		return fmt.Errorf("the %s has %d bytes; it has to have 1 to %d", what, n, longest)
	}
	return nil
}

// fits refuses a count of things of which each takes at least size bytes, if the rest of the file has no room for them.
func (c *cursor) fits(n uint64, size int, what string) error {
	if left := len(c.data) - c.at; n > uint64(left/size) {
		return fmt.Errorf("%d %s take at least %d bytes each, and the file has %d bytes left at byte %d", n, what, size, left, c.at)
	}
	return nil
}

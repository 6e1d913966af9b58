package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// ValueType is the type of a metadata value, by its number in the file (gguf_metadata_value_type).
type ValueType uint32

// The types of values, numbered by the specification.
const (
	TypeUint8 ValueType = iota
	TypeInt8
	TypeUint16
	TypeInt16
	TypeUint32
	TypeInt32
	TypeFloat32
	TypeBool
	TypeString
	TypeArray
	TypeUint64
	TypeInt64
	TypeFloat64
)

// valueTypes has the name of each type, the bytes that it takes (0 if that depends) and its Go kind.
var valueTypes = [...]struct {
	name string
	size int
	kind reflect.Kind
}{
	TypeUint8:   {"uint8", 1, reflect.Uint8},
	TypeInt8:    {"int8", 1, reflect.Int8},
	TypeUint16:  {"uint16", 2, reflect.Uint16},
	TypeInt16:   {"int16", 2, reflect.Int16},
	TypeUint32:  {"uint32", 4, reflect.Uint32},
	TypeInt32:   {"int32", 4, reflect.Int32},
	TypeFloat32: {"float32", 4, reflect.Float32},
	TypeBool:    {"bool", 1, reflect.Bool},
	TypeString:  {"string", 0, reflect.String},
	TypeArray:   {"array", 0, reflect.Slice},
	TypeUint64:  {"uint64", 8, reflect.Uint64},
	TypeInt64:   {"int64", 8, reflect.Int64},
	TypeFloat64: {"float64", 8, reflect.Float64},
}

// String gives the type's name, "type 99" if there is none of that number.
func (t ValueType) String() string {
	if int64(t) < int64(len(valueTypes)) {
		return valueTypes[t].name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// size gives the bytes of a number or a boolean, and 0 for all others.
func (t ValueType) size() int {
	if int64(t) < int64(len(valueTypes)) {
		return valueTypes[t].size
	}
	return 0
}

// isInteger says whether values of the type are whole numbers.
func (t ValueType) isInteger() bool {
	switch t {
	case TypeUint8, TypeInt8, TypeUint16, TypeInt16, TypeUint32, TypeInt32, TypeUint64, TypeInt64:
		return true
	}
	return false
}

// Value is a metadata value: a number, a boolean, a string or an array of values of one type. It is a view of the
// file, and decoded when it is asked for. Its methods fail if it is of another type, and the error says of which.
type Value struct {
	typ  ValueType
	elem ValueType // of an array's elements
	n    int       // number of an array's elements
	raw  []byte    // as in the file; of a string its bytes, of an array its elements, each without what stands before
}

// Native lists the Go types that a value can be made of.
type Native interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64 | bool | string |
		[]uint8 | []int8 | []uint16 | []int16 | []uint32 | []int32 | []uint64 | []int64 | []float32 | []float64 | []bool | []string
}

// NewKV makes a metadata entry for Write: a Go number becomes a value of the same size, a slice becomes an array.
func NewKV[T Native](key string, value T) KV {
	switch v := any(value).(type) {
	case string:
		return KV{key, Value{typ: TypeString, raw: []byte(v)}}
	case []string:
		array := Value{typ: TypeArray, elem: TypeString, n: len(v)}
		for _, s := range v {
			array.raw = binary.LittleEndian.AppendUint64(array.raw, uint64(len(s)))
			array.raw = append(array.raw, s...)
		}
		return KV{key, array}
	}
	raw, err := binary.Append(nil, binary.LittleEndian, value)
	if err != nil { // not for what is left of Native: numbers, booleans and slices of them, all of fixed size
		panic("gguf: " + err.Error())
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Slice {
		return KV{key, Value{typ: TypeArray, elem: typeOfKind(v.Type().Elem().Kind()), n: v.Len(), raw: raw}}
	}
	return KV{key, Value{typ: typeOfKind(v.Kind()), raw: raw}}
}

func typeOfKind(kind reflect.Kind) ValueType {
	for t, info := range valueTypes {
		if info.kind == kind {
			return ValueType(t)
		}
	}
	panic("gguf: no value type for " + kind.String())
}

// isZero tells a Value that nobody has made from one that came from a file or NewKV. It has the type number 0 but, unlike
// a uint8, no byte.
func (v Value) isZero() bool { return v.typ == TypeUint8 && len(v.raw) == 0 }

// Type gives the value's type.
func (v Value) Type() ValueType { return v.typ }

// Elem gives the type of an array's elements; it means nothing for other values.
func (v Value) Elem() ValueType { return v.elem }

// Len gives the number of an array's elements, and 0 for other values.
func (v Value) Len() int { return v.n }

// Uint gives an integer of any size that is not negative.
func (v Value) Uint() (uint64, error) {
	if v.typ == TypeUint64 {
		return binary.LittleEndian.Uint64(v.raw), nil
	}
	i, err := v.Int()
	switch {
	case err != nil:
		return 0, v.wrong("an integer")
	case i < 0:
		return 0, fmt.Errorf("it is %d, which may not be negative", i)
	}
	return uint64(i), nil
}

// Int gives an integer of any size that fits.
func (v Value) Int() (int64, error) {
	if !v.typ.isInteger() || v.isZero() {
		return 0, v.wrong("an integer")
	}
	return integerAt(v.typ, v.raw)
}

// Float gives a float32 or float64.
func (v Value) Float() (float64, error) {
	switch v.typ {
	case TypeFloat32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw))), nil
	case TypeFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw)), nil
	}
	return 0, v.wrong("a float32 or float64")
}

// Bool gives a boolean.
func (v Value) Bool() (bool, error) {
	if v.typ != TypeBool {
		return false, v.wrong("a bool")
	}
	return v.raw[0] == 1, nil
}

// Text gives a copy of a string. The format asks for UTF-8, but nobody has checked it.
func (v Value) Text() (string, error) {
	if v.typ != TypeString {
		return "", v.wrong("a string")
	}
	return string(v.raw), nil
}

// Ints gives the elements of an array of integers.
func (v Value) Ints() ([]int64, error) {
	if v.typ != TypeArray || !v.elem.isInteger() {
		return nil, v.wrong("an array of integers")
	}
	ints := make([]int64, v.n)
	for i := range ints {
		var err error
		if ints[i], err = integerAt(v.elem, v.raw[i*v.elem.size():]); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return ints, nil
}

// Floats gives the elements of an array of float32, or of float64 rounded to float32.
func (v Value) Floats() ([]float32, error) {
	if v.typ != TypeArray || v.elem != TypeFloat32 && v.elem != TypeFloat64 {
		return nil, v.wrong("an array of float32 or float64")
	}
	floats := make([]float32, v.n)
	for i := range floats {
		if v.elem == TypeFloat32 {
			floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(v.raw[4*i:]))
		} else {
			floats[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(v.raw[8*i:])))
		}
	}
	return floats, nil
}

// Bools gives the elements of an array of booleans.
func (v Value) Bools() ([]bool, error) {
	if v.typ != TypeArray || v.elem != TypeBool {
		return nil, v.wrong("an array of bools")
	}
	bools := make([]bool, v.n)
	for i := range bools {
		bools[i] = v.raw[i] == 1
	}
	return bools, nil
}

// Strings gives the elements of an array of strings. They share one copy of the array, so a vocabulary of 262,144
// tokens takes two allocations.
func (v Value) Strings() ([]string, error) {
	if v.typ != TypeArray || v.elem != TypeString {
		return nil, v.wrong("an array of strings")
	}
	all, at := string(v.raw), 0
	texts := make([]string, v.n)
	for i := range texts {
		n := int(binary.LittleEndian.Uint64(v.raw[at:]))
		texts[i] = all[at+8 : at+8+n]
		at += 8 + n
	}
	return texts, nil
}

// Values gives the elements of an array of any type, arrays too.
func (v Value) Values() ([]Value, error) {
	if v.typ != TypeArray {
		return nil, v.wrong("an array")
	}
	c := &cursor{data: v.raw}
	values := make([]Value, v.n)
	for i := range values {
		var err error
		if values[i], err = parseValue(c, v.elem, 0); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return values, nil
}

// String shows the value to a person: of an array the type, the length and the first few elements.
func (v Value) String() string {
	switch v.typ {
	case TypeString:
		return string(v.raw)
	case TypeBool:
		return fmt.Sprint(v.raw[0] == 1)
	case TypeFloat32:
		return fmt.Sprint(math.Float32frombits(binary.LittleEndian.Uint32(v.raw)))
	case TypeFloat64:
		return fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(v.raw)))
	case TypeUint64:
		return fmt.Sprint(binary.LittleEndian.Uint64(v.raw))
	case TypeArray:
		return v.showArray()
	}
	i, err := v.Int()
	if err != nil {
		return "no value"
	}
	return fmt.Sprint(i)
}

// showArray decodes no more of an array than it shows.
func (v Value) showArray() string {
	const shown = 4
	head := v
	head.n = min(v.n, shown)
	elements, _ := head.Values()
	var b strings.Builder
	fmt.Fprintf(&b, "%d × %v [", v.n, v.elem)
	for i, e := range elements {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.String())
	}
	if v.n > shown {
		b.WriteString(", …")
	}
	b.WriteString("]")
	return b.String()
}

// wrong is the error of a value that is not what the caller asked for.
func (v Value) wrong(want string) error {
	is := v.typ.String()
	switch {
	case v.isZero():
		is = "none"
	case v.typ == TypeArray:
		is = fmt.Sprintf("array of %v", v.elem)
	}
	return fmt.Errorf("it is of type %s; it has to be %s", is, want)
}

// integerAt reads the integer of a type, of which isInteger holds, at the start of raw.
func integerAt(typ ValueType, raw []byte) (int64, error) {
	switch typ {
	case TypeInt8:
		return int64(int8(raw[0])), nil
	case TypeUint16:
		return int64(binary.LittleEndian.Uint16(raw)), nil
	case TypeInt16:
		return int64(int16(binary.LittleEndian.Uint16(raw))), nil
	case TypeUint32:
		return int64(binary.LittleEndian.Uint32(raw)), nil
	case TypeInt32:
		return int64(int32(binary.LittleEndian.Uint32(raw))), nil
	case TypeInt64:
		return int64(binary.LittleEndian.Uint64(raw)), nil
	case TypeUint64:
		u := binary.LittleEndian.Uint64(raw)
		if u > math.MaxInt64 {
			return 0, fmt.Errorf("it is %d, beyond what an int64 holds", u)
		}
		return int64(u), nil
	}
	return int64(raw[0]), nil // TypeUint8
}

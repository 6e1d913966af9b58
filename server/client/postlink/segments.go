package postlink

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// A segment is a stretch of memory with its content at the program's start.
type segment struct {
	at      int
	content []byte
}

// apart is how many zeros are worth a new segment. Fewer are written out:
// compressed, they cost less than a segment's head.
const apart = 64

// A data section that spans more than sparse times its size and a page of
// memory is not rewritten: no memory is taken for a few bytes that lie far
// apart. Go's span three times their size.
const (
	sparse = 16
	page   = 64 << 10
)

// shrinkData rewrites a data section.
func shrinkData(data []byte) ([]byte, error) {
	segments, err := readSegments(data)
	if err != nil || len(segments) == 0 {
		return data, err
	}
	from := segments[0].at
	last := segments[len(segments)-1]
	size := last.at + len(last.content) - from
	if size > sparse*len(data)+page {
		return data, nil
	}
	image := make([]byte, size)
	for _, s := range segments {
		copy(image[s.at-from:], s.content)
	}
	dropLines(image)
	segments = segments[:0]
	for at := 0; at < len(image); {
		end, zeros := at, 0
		for k := at; k < len(image) && zeros < apart; k++ {
			if zeros++; image[k] != 0 {
				end, zeros = k+1, 0
			}
		}
		if end > at {
			segments = append(segments, segment{from + at, image[at:end]})
		}
		for at = end; at < len(image) && image[at] == 0; {
			at++
		}
	}
	return writeSegments(segments), nil
}

// readSegments returns the segments of a data section in the order of their
// places. They lie in memory 0 and do not overlap.
func readSegments(data []byte) ([]segment, error) {
	var all []segment
	c := cursor{b: data}
	for n := c.unsigned(); n > 0 && c.err == nil; n-- {
		kind, op := c.unsigned(), c.byte()
		at, closing := c.signed(), c.byte()
		content := c.bytes(c.unsigned())
		if c.err != nil {
			break
		}
		if kind != 0 || op != opI32Const || closing != opEnd || at < 0 || at > math.MaxInt32 {
			return nil, errors.New("a segment is not as Go's linker writes it: at a constant place in memory 0")
		}
		all = append(all, segment{int(at), content})
	}
	slices.SortFunc(all, func(a, b segment) int { return cmp.Compare(a.at, b.at) })
	for k := 1; k < len(all); k++ {
		if before := all[k-1]; before.at+len(before.content) > all[k].at {
			return nil, errors.New("two segments overlap")
		}
	}
	return all, c.err
}

func writeSegments(segments []segment) []byte {
	out := appendUnsigned(nil, uint64(len(segments)))
	for _, s := range segments {
		out = append(out, 0, opI32Const)
		out = appendSigned(out, int64(s.at))
		out = append(out, opEnd)
		out = appendUnsigned(out, uint64(len(s.content)))
		out = append(out, s.content...)
	}
	return out
}

package tokenizer

import "fmt"

// kind says what a vocabulary entry is for. The values are those of GGUF's
// tokenizer.ggml.token_type.
type kind uint8

const (
	kindAbsent      kind = 0 // no piece has this id
	kindNormal      kind = 1
	kindUnknown     kind = 2
	kindControl     kind = 3 // special: steers the model and is no text
	kindUserDefined kind = 4 // always cut out whole, but text
	kindUnused      kind = 5
	kindByte        kind = 6 // <0x00> … <0xFF>
)

// vocabulary is the list of pieces and the way back from a piece to its id.
type vocabulary struct {
	pieces []string
	kinds  []kind
	ids    map[string]int32
}

// maxVocabulary is the number of ids that a vocabulary of n entries may span.
// Real ones have few gaps; the bound keeps one hostile id from claiming memory
// that the file does not justify.
func maxVocabulary(n int) int { return 4*n + 1024 }

// set puts a piece at id, growing the list up to limit ids.
func (v *vocabulary) set(id int64, piece string, k kind, limit int) error {
	if id < 0 || id >= int64(limit) {
		return fmt.Errorf("id %d of piece %q is out of range: want 0 to %d", id, piece, limit-1)
	}
	if n := int(id) + 1; n > len(v.pieces) {
		v.pieces = append(v.pieces, make([]string, n-len(v.pieces))...)
		v.kinds = append(v.kinds, make([]kind, n-len(v.kinds))...)
	}
	if v.kinds[id] != kindAbsent && v.pieces[id] != piece {
		return fmt.Errorf("pieces %q and %q share the id %d: want one piece an id", v.pieces[id], piece, id)
	}
	v.pieces[id], v.kinds[id] = piece, k
	if _, twice := v.ids[piece]; !twice { // some vocabularies pad with copies of a piece: the first is meant
		v.ids[piece] = int32(id)
	}
	return nil
}

// has reports whether id names a piece.
func (v *vocabulary) has(id int32) bool {
	return id >= 0 && int(id) < len(v.pieces) && v.kinds[id] != kindAbsent
}

// byteTokens finds the tokens <0x00> … <0xFF> of byte fallback; -1 where one is
// missing. all reports whether none is.
func (v *vocabulary) byteTokens() (ids [256]int32, all bool) {
	all = true
	for b := range ids {
		id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id, all = -1, false
		}
		ids[b] = id
	}
	return ids, all
}

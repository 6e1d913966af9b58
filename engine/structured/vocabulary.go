package structured

import (
	"bytes"
	"slices"
)

// Tokens is what a constraint needs to know of a tokenizer; *tokenizer.Tokenizer
// is one.
type Tokens interface {
	VocabSize() int
	// Bytes are the bytes that a token stands for by itself.
	Bytes(id int32) []byte
	// IsSpecial reports whether a token stands for no text.
	IsSpecial(id int32) bool
	// EOSIDs are the tokens that end an answer.
	EOSIDs() []int32
}

// Vocabulary is the text of all tokens as a tree of their bytes. It does not
// change, and several goroutines may use it at once.
type Vocabulary struct {
	size     int      // bits of a mask
	text     [][]byte // of each token; nil for those that no grammar allows
	eos      []int32
	nodes    []trieNode
	same     []int32    // [size] the next token with the same bytes, -1 at the end
	depth    int        // bytes of the longest token
	plain    []uint64   // a mask of the tokens that isPlain holds for
	rest     []trieNode // the tree of all others
	alphabet [256]bool
}

// trieNode is a node of the tree, in the order of a walk that goes to the
// children before the siblings.
type trieNode struct {
	token int32 // a token that ends here, or -1
	end   int32 // the node behind the last one below
	depth uint16
	label byte
}

// maxTokenBytes is the longest token that a grammar allows, far more than there is.
const maxTokenBytes = 1<<16 - 1

// NewVocabulary reads the tokens of a model whose logits are size numbers long,
// which may be more or fewer than there are tokens.
func NewVocabulary(t Tokens, size int) *Vocabulary {
	v := &Vocabulary{size: size, text: make([][]byte, size), same: make([]int32, size)}
	for _, id := range t.EOSIDs() {
		if int(id) < size {
			v.eos = append(v.eos, id)
		}
	}
	var ids []int32
	for i := range min(size, t.VocabSize()) {
		id := int32(i)
		if t.IsSpecial(id) || slices.Contains(v.eos, id) {
			continue
		}
		if text := t.Bytes(id); len(text) > 0 && len(text) <= maxTokenBytes {
			v.text[id] = text
			ids = append(ids, id)
			v.depth = max(v.depth, len(text))
			if len(text) == 1 {
				v.alphabet[text[0]] = true
			}
		}
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return bytes.Compare(v.text[a], v.text[b]) })
	v.nodes = v.plant(ids)
	v.plain = make([]uint64, v.words())
	v.rest = v.plant(slices.DeleteFunc(ids, func(id int32) bool {
		plain := isPlain(v.text[id])
		if plain {
			v.plain[id/64] |= 1 << (id % 64)
		}
		return plain
	}))
	return v
}

// plainBytes are the bytes that a string of JSON holds as they are, of those that
// are a character each. Most tokens are made of them, and most of an answer is in
// strings. There such tokens need not be looked at one by one.
var plainBytes = func() (all []byte) {
	for c := byte(' '); c <= '~'; c++ {
		if c != '"' && c != '\\' {
			all = append(all, c)
		}
	}
	return all
}()

// plainLength is the longest token that counts as plain; few are longer.
const plainLength = 16

// isPlain reports whether a token is short and made of plainBytes.
func isPlain(text []byte) bool {
	return len(text) <= plainLength && !bytes.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r > '~' || r == '"' || r == '\\'
	})
}

// plant makes the tree of tokens that are sorted by their bytes.
func (v *Vocabulary) plant(ids []int32) []trieNode {
	var nodes []trieNode
	var path []int32 // the nodes above the next one
	var last []byte
	cut := func(depth int) {
		for _, n := range path[depth:] {
			nodes[n].end = int32(len(nodes))
		}
		path = path[:depth]
	}
	for _, id := range ids {
		text, common := v.text[id], 0
		for common < min(len(text), len(last)) && text[common] == last[common] {
			common++
		}
		cut(common)
		for d := common; d < len(text); d++ {
			path = append(path, int32(len(nodes)))
			nodes = append(nodes, trieNode{token: -1, depth: uint16(d), label: text[d]})
		}
		end := &nodes[path[len(path)-1]]
		v.same[id] = end.token
		end.token, last = id, text
	}
	cut(0)
	return nodes
}

// words is the length of a mask.
func (v *Vocabulary) words() int { return (v.size + 63) / 64 }

// ends reports whether a token ends an answer.
func (v *Vocabulary) ends(token int32) bool { return slices.Contains(v.eos, token) }

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
	same     []int32 // [size] the next token with the same bytes, -1 at the end
	depth    int     // bytes of the longest token
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
	v.plant(ids)
	return v
}

// plant makes the tree of tokens that are sorted by their bytes.
func (v *Vocabulary) plant(ids []int32) {
	var path []int32 // the nodes above the next one
	var last []byte
	cut := func(depth int) {
		for _, n := range path[depth:] {
			v.nodes[n].end = int32(len(v.nodes))
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
			path = append(path, int32(len(v.nodes)))
			v.nodes = append(v.nodes, trieNode{token: -1, depth: uint16(d), label: text[d]})
		}
		end := &v.nodes[path[len(path)-1]]
		v.same[id] = end.token
		end.token, last = id, text
	}
	cut(0)
}

// words is the length of a mask.
func (v *Vocabulary) words() int { return (v.size + 63) / 64 }

// ends reports whether a token ends an answer.
func (v *Vocabulary) ends(token int32) bool { return slices.Contains(v.eos, token) }

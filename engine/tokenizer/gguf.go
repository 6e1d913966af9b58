package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"vitrine/engine/gguf"
)

// FromGGUF reads the tokenizer in the metadata of a GGUF file, the keys
// tokenizer.ggml.*: model gpt2 (byte-level BPE) with one of the known
// pre-tokenizers, or model llama (SentencePiece BPE). The result stays valid when
// the file is closed. An error names the key that is missing, wrong or not
// supported.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	t, err := fromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func fromGGUF(f *gguf.File) (*Tokenizer, error) {
	kind, err := f.String("tokenizer.ggml.model")
	if err != nil {
		return nil, err
	}
	r := &ggufReader{file: f, t: newTokenizer()}
	if err := r.vocabulary(kind == "llama"); err != nil {
		return nil, err
	}
	switch kind {
	case "gpt2":
		err = r.byteLevel()
	case "llama":
		err = r.sentencePiece()
	default:
		err = fmt.Errorf("tokenizer.ggml.model: %q is not supported: want gpt2 or llama", kind)
	}
	if err != nil {
		return nil, err
	}
	if err := r.ends(); err != nil {
		return nil, err
	}
	return r.t, nil
}

// ggufReader builds a tokenizer from the metadata of a file.
type ggufReader struct {
	file     *gguf.File
	t        *Tokenizer
	beginsBy bool // whether a text begins with bos where the file does not say
}

// vocabulary reads the pieces and what they are for. All but normal pieces are
// added tokens: cut out of the text whole.
func (r *ggufReader) vocabulary(sentencePiece bool) error {
	pieces, err := r.file.Strings("tokenizer.ggml.tokens")
	if err != nil {
		return err
	}
	if len(pieces) == 0 || len(pieces) > math.MaxInt32 {
		return fmt.Errorf("tokenizer.ggml.tokens: %d pieces: want 1 to %d", len(pieces), math.MaxInt32)
	}
	types, err := r.file.Ints("tokenizer.ggml.token_type")
	switch {
	case errors.Is(err, gguf.ErrMissing):
		types = slices.Repeat([]int64{int64(kindNormal)}, len(pieces))
	case err != nil:
		return err
	case len(types) != len(pieces):
		return fmt.Errorf("tokenizer.ggml.token_type: %d types for %d pieces", len(types), len(pieces))
	}
	var raw, normal []*addedToken
	v := &r.t.vocab
	v.pieces, v.kinds, v.ids = make([]string, 0, len(pieces)), make([]kind, 0, len(pieces)), make(map[string]int32, len(pieces))
	for id, piece := range pieces {
		k := kind(types[id])
		if types[id] < int64(kindNormal) || types[id] > int64(kindByte) {
			return fmt.Errorf("tokenizer.ggml.token_type[%d]: %d is unknown: want %d to %d", id, types[id], kindNormal, kindByte)
		}
		spaces := sentencePiece && piece != "" && strings.Trim(piece, " ") == ""
		if spaces { // llama.cpp's converter spells Gemma's runs of ▁ so
			piece = strings.Repeat("▁", len(piece))
		}
		if err := v.set(int64(id), piece, k, len(pieces)); err != nil {
			return fmt.Errorf("tokenizer.ggml.tokens: %w", err)
		}
		if piece == "" || k != kindControl && k != kindUserDefined && k != kindUnknown {
			continue
		}
		a := &addedToken{id: int32(id), content: piece, special: k != kindUserDefined}
		r.t.added[a.id] = a
		raw = append(raw, a)
		if spaces {
			normal = append(normal, a)
		}
	}
	return r.t.setAdded(raw, normal)
}

// byteLevel reads the merges and the pre-tokenizer of byte-level BPE.
func (r *ggufReader) byteLevel() error {
	name, err := r.file.StringOr("tokenizer.ggml.pre", "default")
	if err != nil {
		return err
	}
	pre, ok := ggufPreTokenizers[name]
	if !ok {
		return fmt.Errorf("tokenizer.ggml.pre: %q is not supported: want one of %s", name, preTokenizerNames())
	}
	cuts := preTokenizers{}
	for _, expr := range pre.patterns {
		p, err := compile(expr)
		if err != nil {
			return fmt.Errorf("tokenizer.ggml.pre: %w", err)
		}
		cuts = append(cuts, splitter{p, isolated, false})
	}
	list, err := r.file.Strings("tokenizer.ggml.merges")
	if err != nil {
		return err
	}
	merges := make(rankedMerges, len(list))
	for i, s := range list {
		left, right, ok := cutMerge(s)
		if !ok {
			return fmt.Errorf("tokenizer.ggml.merges[%d]: %q: want two pieces with one space between them", i, s)
		}
		if err := merges.add(&r.t.vocab, left, right); err != nil {
			return fmt.Errorf("tokenizer.ggml.merges[%d]: %w", i, err)
		}
	}
	m := &bpe{vocab: &r.t.vocab, merges: merges, byteLevel: true, wholeWords: pre.wholeWords, unknown: noID}
	m.setBytes()
	r.t.model, r.t.pre, r.t.decoder = m, cuts, decoder{byteLevel: true}
	if pre.nfc {
		r.t.norm = form(norm.NFC)
	}
	r.beginsBy = pre.beginsBy
	return nil
}

// sentencePiece reads the scores of SentencePiece BPE.
func (r *ggufReader) sentencePiece() error {
	scores, err := r.file.Floats("tokenizer.ggml.scores")
	if err != nil {
		return err
	}
	if len(scores) != len(r.t.vocab.pieces) {
		return fmt.Errorf("tokenizer.ggml.scores: %d scores for %d pieces", len(scores), len(r.t.vocab.pieces))
	}
	for id, s := range scores {
		if math.IsNaN(float64(s)) {
			return fmt.Errorf("tokenizer.ggml.scores[%d]: not a number", id)
		}
	}
	prefix, err := r.file.BoolOr("tokenizer.ggml.add_space_prefix", true)
	if err != nil {
		return err
	}
	unknown, err := r.id("tokenizer.ggml.unknown_token_id")
	if err != nil {
		return err
	}
	d := decoder{byteFallback: true, replace: [][2]string{{"▁", " "}}}
	ns := normalizers{}
	if prefix {
		ns = append(ns, prepend("▁"))
		d.strip, d.stripCount = " ", 1
	}
	m := &bpe{
		vocab: &r.t.vocab, merges: newScoredPieces(&r.t.vocab, scores), byteFallback: true, lateFallback: true,
		fuseUnknown: true, unknown: unknown,
	}
	m.setBytes()
	r.t.norm, r.t.model, r.t.decoder = append(ns, replaceAll{literal(" "), "▁"}), m, d
	r.beginsBy = true
	return nil
}

// ends reads the ids that begin and end texts.
func (r *ggufReader) ends() error {
	var err error
	if r.t.bos, err = r.id("tokenizer.ggml.bos_token_id"); err != nil {
		return err
	}
	if r.t.eos, err = r.id("tokenizer.ggml.eos_token_id"); err != nil {
		return err
	}
	for _, key := range []string{"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"} {
		id, err := r.id(key)
		if err != nil {
			return err
		}
		if id != noID {
			r.t.addEnds(id)
		}
	}
	bos, err := r.file.BoolOr("tokenizer.ggml.add_bos_token", r.beginsBy)
	if err != nil {
		return err
	}
	if bos && r.t.bos != noID {
		r.t.prefix = []int32{r.t.bos}
	}
	eos, err := r.file.BoolOr("tokenizer.ggml.add_eos_token", false)
	if err != nil {
		return err
	}
	if eos && r.t.eos != noID {
		r.t.suffix = []int32{r.t.eos}
	}
	r.t.nameEnds()
	return nil
}

// id reads a key that names a piece by its id, noID where it is missing.
func (r *ggufReader) id(key string) (int32, error) {
	id, err := r.file.Uint(key)
	if errors.Is(err, gguf.ErrMissing) {
		return noID, nil
	}
	if err != nil {
		return noID, err
	}
	if id >= uint64(len(r.t.vocab.pieces)) {
		return noID, fmt.Errorf("%s: %d is out of range: want 0 to %d", key, id, len(r.t.vocab.pieces)-1)
	}
	return int32(id), nil
}

func preTokenizerNames() string {
	names := make([]string, 0, len(ggufPreTokenizers))
	for name := range ggufPreTokenizers {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

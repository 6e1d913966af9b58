package tokenizer

import "slices"

// Names of the tokens that begin and end a sequence or a turn, for files that do
// not say. The second list is llama.cpp's of tokens that end a generation
// (llama-vocab.cpp), in the order in which the end of a sequence is chosen.
var (
	beginNames = []string{"<|begin_of_text|>", "<s>", "<bos>", "<｜begin▁of▁sentence｜>", "<|startoftext|>", "[BOS]"}
	endNames   = []string{
		"<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|return|>", "<|call|>", "<|eom_id|>", "<|eot|>",
		"<|end_of_text|>", "<｜end▁of▁sentence｜>", "<|endoftext|>", "</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
		"<end_of_utterance>", "<|end_of_turn|>", "<turn|>",
	}
)

// nameEnds sets what the file has not said: bos and eos by what surrounds a text or
// by name, and the ids that end a generation by name.
func (t *Tokenizer) nameEnds() {
	named := func(names []string) (ids []int32) {
		for _, name := range names {
			if id, ok := t.vocab.ids[name]; ok && t.IsSpecial(id) { // Gemma's </s> is text: the tag of HTML
				ids = append(ids, id)
			}
		}
		return ids
	}
	begins, ends := named(beginNames), named(endNames)
	switch {
	case t.bos != noID:
	case len(t.prefix) > 0:
		t.bos = t.prefix[0]
	case len(begins) > 0:
		t.bos = begins[0]
	}
	switch {
	case t.eos != noID:
	case len(t.suffix) > 0:
		t.eos = t.suffix[len(t.suffix)-1]
	case len(ends) > 0:
		t.eos = ends[0]
	}
	t.addEnds(ends...)
	if t.eos != noID {
		t.addEnds(t.eos)
	}
}

// addEnds adds ids that end a generation.
func (t *Tokenizer) addEnds(ids ...int32) {
	t.ends = append(t.ends, ids...)
	slices.Sort(t.ends)
	t.ends = slices.Compact(t.ends)
}

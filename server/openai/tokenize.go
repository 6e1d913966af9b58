package openai

import (
	"net/http"

	"vitrine/engine/tokenizer"
)

// tokenize is vLLM's POST /tokenize: of a prompt, or of messages as a chat
// would render them.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	m, refusal := s.ready()
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	o, refusal := s.body(w, r)
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	takeModel(o, m.Name)
	withPieces := false
	take(o, "return_token_strs", &withPieces, "true or false")
	t := m.Engine.Tokenizer()
	var ids []int32
	if _, isChat := o.fields["messages"]; isChat {
		c := takeConversation(o)
		if refusal = o.finish(); refusal == nil {
			var p prompt
			p, refusal = m.render(c)
			ids = p.ids
		}
	} else {
		var text string
		addSpecial := true
		if !take(o, "prompt", &text, "a text") {
			o.fail("prompt", "is missing: want a text, or messages")
		}
		take(o, "add_special_tokens", &addSpecial, "true or false")
		if refusal = o.finish(); refusal == nil {
			var err error
			if ids, err = t.Encode(text, tokenizer.EncodeOptions{AddSpecial: addSpecial, ParseSpecial: true}); err != nil {
				refusal = badField("prompt", "%v", err)
			}
		}
	}
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	told := struct {
		Count       int      `json:"count"`
		MaxModelLen int      `json:"max_model_len"`
		Tokens      []int32  `json:"tokens"`
		TokenStrs   []string `json:"token_strs"`
	}{Count: len(ids), MaxModelLen: m.context(), Tokens: append([]int32{}, ids...)}
	if withPieces {
		told.TokenStrs = make([]string, len(ids))
		for i, id := range ids {
			told.TokenStrs[i] = t.Piece(id)
		}
	}
	s.answer(w, told)
}

// detokenize is vLLM's POST /detokenize.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	m, refusal := s.ready()
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	o, refusal := s.body(w, r)
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	takeModel(o, m.Name)
	var ids []int32
	if !list(o, "tokens", &ids, int(s.options.MaxBody), "token ids") {
		o.fail("tokens", "is missing: want a list of token ids")
	}
	vocab := m.Engine.Model().Config().Vocab
	for i, id := range ids {
		if id < 0 || int(id) >= vocab {
			o.fail("tokens", "has token %d at %d, want 0 to %d", id, i, vocab-1)
		}
	}
	if refusal := o.finish(); refusal != nil {
		s.fail(w, refusal)
		return
	}
	s.answer(w, map[string]string{"prompt": m.Engine.Tokenizer().Decode(ids, false)})
}

package sampler

import (
	"math"
	"slices"
)

// edit runs one of the stages that change single logits, if p asks for it.
func (s *Sampler) edit(kind Kind, p *Params, h History) {
	switch kind {
	case StructuredOutputs:
		if h.Allowed != nil {
			s.allowMask(h.Allowed)
			s.note(kind, float64(s.alive), 0)
		}
	case AllowedTokens:
		if p.AllowedTokenIDs != nil {
			s.allowOnly(p.AllowedTokenIDs)
			s.note(kind, float64(len(p.AllowedTokenIDs)), 0)
		}
	case BadWords:
		if len(p.BadWords) > 0 {
			s.banWords(p.BadWords, h.Output)
			s.note(kind, float64(len(p.BadWords)), 0)
		}
	case MinTokens:
		if len(h.Output) < p.MinTokens {
			s.ban(p.StopTokenIDs)
			s.ban(p.EOSTokenIDs)
			s.note(kind, float64(p.MinTokens), float64(len(h.Output)))
		}
	case LogitBias:
		if len(p.LogitBias) > 0 {
			for _, b := range p.LogitBias {
				s.setLogit(b.Token, s.logits[b.Token]+clampBias(b.Bias))
			}
			s.note(kind, float64(len(p.LogitBias)), 0)
		}
	case RepetitionPenalty:
		if p.RepetitionPenalty != 1 {
			s.penalizeRepetition(p.RepetitionPenalty, h)
			s.note(kind, float64(p.RepetitionPenalty), 0)
		}
	case FrequencyPenalty:
		if p.FrequencyPenalty != 0 {
			s.penalizeFrequency(p.FrequencyPenalty, h.Output)
			s.note(kind, float64(p.FrequencyPenalty), 0)
		}
	case PresencePenalty:
		if p.PresencePenalty != 0 {
			s.penalizePresence(p.PresencePenalty, h.Output)
			s.note(kind, float64(p.PresencePenalty), 0)
		}
	}
}

var negInf = float32(math.Inf(-1))

func (s *Sampler) ban(ids []int32) {
	for _, id := range ids {
		s.setLogit(id, negInf)
	}
}

// allowOnly bans every token that is not listed.
func (s *Sampler) allowOnly(ids []int32) {
	for _, id := range ids {
		s.marks[id] = 1
	}
	s.own()
	s.alive = 0
	for id, mark := range s.marks {
		if mark == 0 {
			s.logits[id] = negInf
		} else if !isNegInf(s.logits[id]) {
			s.alive++
		}
	}
	for _, id := range ids {
		s.marks[id] = 0
	}
	s.noteAllowed(ids)
}

// allowMask bans every token whose bit is not set.
func (s *Sampler) allowMask(mask []uint64) {
	s.own()
	s.alive = 0
	for id := range s.logits {
		if mask[id/64]>>(id%64)&1 == 0 {
			s.logits[id] = negInf
		} else if !isNegInf(s.logits[id]) {
			s.alive++
		}
	}
	s.noteMask(mask)
}

// banWords bans the last token of every word whose other tokens the output ends with.
func (s *Sampler) banWords(words [][]int32, output []int32) {
	for _, word := range words {
		head, tail := word[:len(word)-1], word[len(word)-1]
		if len(head) <= len(output) && slices.Equal(head, output[len(output)-len(head):]) {
			s.setLogit(tail, negInf)
		}
	}
}

// penalizeRepetition pushes the logits of all tokens seen so far toward −Inf, once each.
func (s *Sampler) penalizeRepetition(penalty float32, h History) {
	for _, seen := range [2][]int32{h.Prompt, h.Output} {
		for _, id := range seen {
			if s.marks[id] != 0 {
				continue
			}
			s.marks[id] = 1
			if z := s.logits[id]; z > 0 {
				s.setLogit(id, z/penalty)
			} else {
				s.setLogit(id, z*penalty)
			}
		}
	}
	s.unmark(h.Prompt)
	s.unmark(h.Output)
}

func (s *Sampler) penalizeFrequency(penalty float32, output []int32) {
	for _, id := range output {
		s.marks[id]++
	}
	for _, id := range output {
		if n := s.marks[id]; n != 0 {
			s.marks[id] = 0
			// The conversion forbids fusing the product with the subtraction.
			s.setLogit(id, s.logits[id]-float32(penalty*float32(n)))
		}
	}
}

func (s *Sampler) penalizePresence(penalty float32, output []int32) {
	for _, id := range output {
		if s.marks[id] == 0 {
			s.marks[id] = 1
			s.setLogit(id, s.logits[id]-penalty)
		}
	}
	s.unmark(output)
}

func (s *Sampler) unmark(ids []int32) {
	for _, id := range ids {
		s.marks[id] = 0
	}
}

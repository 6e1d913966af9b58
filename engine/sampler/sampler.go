package sampler

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

var (
	// ErrNoLogits means that every logit of the row is −Inf.
	ErrNoLogits = errors.New("sampler: every logit is -Inf")
	// ErrAllBanned means that the structured output, allowed_token_ids, bad_words,
	// min_tokens and logit_bias together leave no token to draw.
	ErrAllBanned = errors.New("sampler: structured output, allowed_token_ids, bad_words and min_tokens leave no token")
)

// A LogitError is a row of logits that no distribution can be made of.
type LogitError struct {
	Index int    // the token whose logit is bad, or −1 for the row's length
	Got   string // what was found
	Want  string // what would be right
}

// Error returns "logits[INDEX]: got GOT, want WANT".
func (e *LogitError) Error() string {
	field := "logits"
	if e.Index >= 0 {
		field += "[" + strconv.Itoa(e.Index) + "]"
	}
	return field + ": got " + e.Got + ", want " + e.Want
}

// Sampler draws tokens from rows of logits of one vocabulary. It holds
// scratch memory of 24 bytes a token of the vocabulary and is not safe for concurrent use.
type Sampler struct {
	vocab  int
	passes *passes
	rec    *Report // nil: nobody asked why

	raw    rawDistribution
	logits []float32 // [vocab] the row: the caller's own until an edit changes one
	edited bool      // logits is the copy
	alive  int       // logits above −Inf
	groups groups    // of logits
	marks  []uint32  // [vocab] counts tokens of the history; all zero between stages

	// The candidates are the first of the tokens still kept, in ascending order of ids: three
	// parallel slices over backing arrays of vocabulary size. They are those whose logits
	// reach some floor, which sinks when a stage has to look further.
	ids     []int32
	keys    []key
	weights []uint64
	floor   float32
	whole   bool // the candidates are all tokens kept
	reached int  // the number of tokens that the floor was once chosen for
	store   store

	scale   scale
	weighed bool   // weights and held are for scale
	held    uint64 // sum of the candidates' weights
	summed  bool   // total is for scale
	total   uint64 // sum of the weights of all tokens kept, if they are not the candidates
	last    place  // the last token kept

	hist histogram
}

// store is the memory of a sampler's slices. The vectors that collect candidates write
// a few places further.
type store struct {
	logits  []float32 // [vocab]
	ids     []int32   // [vocab+lanes]
	keys    []key     // [vocab+lanes]
	weights []uint64  // [vocab]
}

// New returns a sampler for rows of vocab logits.
func New(vocab int) *Sampler {
	vocab = max(vocab, 0)
	return &Sampler{
		vocab:  vocab,
		passes: fastest(),
		groups: newGroups(vocab),
		marks:  make([]uint32, vocab),
		store: store{
			logits:  make([]float32, vocab),
			ids:     make([]int32, vocab+lanes),
			keys:    make([]key, vocab+lanes),
			weights: make([]uint64, vocab),
		},
	}
}

// Result is a drawn token.
type Result struct {
	Token int32
	// LogProb is the natural log-probability of the token in the raw
	// distribution, before everything; 0 with SkipLogProb.
	LogProb float32
	// Rank is the token's place in the raw distribution, 1 for the most
	// probable; ties by id; 0 with SkipLogProb.
	Rank int
	// Prob is its probability in the distribution that was drawn from; 1 if greedy.
	Prob float32
	// Draw is the uniform number in [0, 1) that decided; 0 if greedy. It is
	// [Uniform] / 2^64 rounded to 53 bits; the draw compares all 64.
	Draw float64
	// Kept is the number of tokens that could have been drawn.
	Kept int
	// TopLogProbs are the Params.LogProbs most probable tokens of the raw
	// distribution, most probable first; nil if none were asked for.
	TopLogProbs []TokenLogProb
}

// TokenLogProb is a token with its raw log-probability and its rank (1 is the most probable).
type TokenLogProb struct {
	Token   int32
	LogProb float32
	Rank    int
}

// Sample draws the token for position pos from a row of [vocab] logits, which
// it leaves unchanged. pos is the index that the token will have in its sequence,
// len(h.Prompt)+len(h.Output) as a rule; with the seed it decides the random number.
//
// It does not allocate when p.LogProbs is 0. A logit of −Inf is a token that
// cannot be drawn, +Inf takes all probability (shared evenly where there are several).
// Errors: *[LogitError] for NaN and a row of another length,
// [ErrNoLogits], [ErrAllBanned], and *[ParamError] for bad parameters or token ids
// in the history outside the vocabulary.
func (s *Sampler) Sample(logits []float32, p *Params, h History, pos int) (Result, error) {
	return s.run(logits, p, h, pos, nil)
}

// Explain computes what Sample computes, by the same code, and tells it stage
// by stage. The report owns its memory: 8 bytes a token of the vocabulary, and
// what the stages changed.
func (s *Sampler) Explain(logits []float32, p *Params, h History, pos int) (Report, error) {
	var r Report
	res, err := s.run(logits, p, h, pos, &r)
	if err != nil {
		return Report{}, err
	}
	r.Result = res
	return r, nil
}

func (s *Sampler) run(logits []float32, params *Params, h History, pos int, rec *Report) (Result, error) {
	if err := params.check(s.vocab); err != nil {
		return Result{}, err
	}
	if err := h.check(s.vocab); err != nil {
		return Result{}, err
	}
	if pos < 0 {
		return Result{}, badInt("position", pos, "at least 0")
	}
	p := *params
	p.normalize()
	s.rec = rec
	defer s.forget()

	if err := s.load(logits); err != nil {
		return Result{}, err
	}
	s.noteStart(logits, p.Order)
	for _, kind := range pipelines[p.Order].edits {
		s.edit(kind, &p, h)
	}
	if s.alive == 0 {
		return Result{}, ErrAllBanned
	}
	s.begin()
	s.noteEdited()
	var res Result
	if p.greedy() {
		res = s.choose()
	} else {
		for _, kind := range pipelines[p.Order].cuts {
			s.cut(kind, &p)
		}
		res = s.draw(p.Seed, pos)
	}
	if p.SkipLogProb {
		return res, nil
	}
	res.LogProb = s.raw.logProb(logits[res.Token])
	res.Rank = s.passes.rankOf(logits, res.Token)
	if p.LogProbs != 0 {
		res.TopLogProbs = s.topLogProbs(p.LogProbs)
	}
	return res, nil
}

// load checks the row, which the sampler only reads.
func (s *Sampler) load(logits []float32) error {
	if len(logits) != s.vocab {
		return &LogitError{
			Index: -1, Got: strconv.Itoa(len(logits)) + " values", Want: strconv.Itoa(s.vocab) + " (the vocabulary)",
		}
	}
	alive, nans := s.passes.scan(logits, &s.groups)
	switch {
	case nans > 0:
		i := slices.IndexFunc(logits, func(z float32) bool { return z != z })
		return &LogitError{Index: i, Got: "NaN", Want: "a number"}
	case alive == 0:
		return ErrNoLogits
	}
	s.logits, s.edited, s.alive = logits, false, alive
	s.scale = newScale(s.vocab, s.groups.greatest())
	s.raw = rawDistribution{passes: s.passes, logits: logits, scale: s.scale}
	s.last = end
	return nil
}

// forget lets go of what belongs to the caller.
func (s *Sampler) forget() {
	s.rec, s.logits, s.raw.logits = nil, nil, nil
}

// begin opens the stages that shorten the row, when the edits are through.
func (s *Sampler) begin() {
	if s.edited {
		s.passes.scan(s.logits, &s.groups)
		s.scale.top = keyOf(s.groups.greatest()).logit()
	}
	s.ids, s.keys, s.weights = nil, nil, nil
	s.whole, s.reached = false, 0
	s.weighed, s.summed = false, false
	if s.rec != nil { // a report tells of all tokens
		s.collect(-math.MaxFloat32)
	}
}

// choose takes the first token of the order.
func (s *Sampler) choose() Result {
	first := place{keyOf(s.scale.top), s.groups.firstAt(s.logits, s.scale.top)}
	if s.rec != nil {
		s.keepThrough(first)
		s.note(Greedy, 0, float64(s.scale.top))
	}
	return Result{Token: first.id, Prob: 1, Kept: 1}
}

// draw finds the candidate whose interval of the cumulative distribution holds the needle.
func (s *Sampler) draw(seed uint64, pos int) Result {
	total := s.sum()
	u := Uniform(seed, pos)
	needle, _ := bits.Mul64(u, total) // ⌊u·total/2^64⌋
	f := s.atWeight(needle)
	res := Result{
		Token: f.id,
		Prob:  float32(share(f.weight, total)),
		Draw:  float64(u>>11) * 0x1p-53,
		Kept:  s.kept(),
	}
	s.note(Draw, res.Draw, res.Draw)
	if s.rec != nil {
		s.rec.Needle, s.rec.Total = needle, total
	}
	return res
}

// setLogit changes one logit on behalf of an edit stage.
func (s *Sampler) setLogit(id int32, z float32) {
	before := s.logits[id]
	if before == z {
		return
	}
	if isNegInf(z) {
		s.alive--
	}
	s.own()
	s.logits[id] = z
	s.noteEdit(id, z)
}

// own makes the row the sampler's, for an edit to change it.
func (s *Sampler) own() {
	if !s.edited {
		s.edited = true
		copy(s.store.logits, s.logits)
		s.logits = s.store.logits
	}
}

func isNegInf(z float32) bool { return z < -math.MaxFloat32 }

// Score returns the raw log-probability and rank of a token that is given, not
// drawn (prompt_logprobs), and the top most probable tokens (−1: all). Errors are
// those of Sample.
func (s *Sampler) Score(logits []float32, token int32, top int) (TokenLogProb, []TokenLogProb, error) {
	defer s.forget()
	if err := s.load(logits); err != nil {
		return TokenLogProb{}, nil, err
	}
	if !inVocab(token, s.vocab) {
		return TokenLogProb{}, nil, badID("token", token, s.vocab)
	}
	if top < -1 || top > s.vocab {
		return TokenLogProb{}, nil, badInt("prompt_logprobs", top, "-1 (all) to "+strconv.Itoa(s.vocab))
	}
	scored := TokenLogProb{Token: token, LogProb: s.raw.logProb(logits[token]), Rank: s.passes.rankOf(logits, token)}
	return scored, s.topLogProbs(top), nil
}

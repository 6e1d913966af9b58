package sampler

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

var (
	// ErrNoLogits means that every logit of the row is −Inf.
	ErrNoLogits = errors.New("sampler: every logit is -Inf")
	// ErrAllBanned means that allowed_token_ids, bad_words, min_tokens and
	// logit_bias together leave no token to draw.
	ErrAllBanned = errors.New("sampler: allowed_token_ids, bad_words and min_tokens leave no token")
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
	vocab int
	rec   *Report // nil: nobody asked why

	logits []float32 // [vocab] the row as edits change it
	alive  int       // logits above −Inf
	marks  []uint32  // [vocab] counts tokens of the history; all zero between stages

	// The candidates are the tokens still kept, in ascending order of ids: three parallel
	// slices over backing arrays of vocabulary size.
	ids     []int32
	keys    []key
	weights []uint64
	store   candidates

	scale   scale
	weighed bool   // weights and total hold for scale
	total   uint64 // sum of weights
	last    place  // the last token kept

	hist histogram
}

// candidates are the backing arrays, [vocab] each.
type candidates struct {
	ids     []int32
	keys    []key
	weights []uint64
}

// New returns a sampler for rows of vocab logits.
func New(vocab int) *Sampler {
	vocab = max(vocab, 0)
	return &Sampler{
		vocab:  vocab,
		logits: make([]float32, vocab),
		marks:  make([]uint32, vocab),
		store: candidates{
			ids:     make([]int32, vocab),
			keys:    make([]key, vocab),
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
	defer func() { s.rec = nil }()

	raw, err := s.load(logits)
	if err != nil {
		return Result{}, err
	}
	s.noteStart(logits, p.Order)
	for _, kind := range pipelines[p.Order].edits {
		s.edit(kind, &p, h)
	}
	if s.alive == 0 {
		return Result{}, ErrAllBanned
	}
	s.collect()
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
	raw.normalize(logits)
	res.LogProb = raw.logProb(logits[res.Token])
	res.Rank = rankOf(logits, res.Token)
	if p.LogProbs != 0 {
		res.TopLogProbs = raw.top(logits, p.LogProbs)
	}
	return res, nil
}

// load checks the row and copies it to where the edits may change it.
func (s *Sampler) load(logits []float32) (rawDistribution, error) {
	raw, err := newRawDistribution(logits, s.vocab)
	if err != nil {
		return raw, err
	}
	copy(s.logits, logits)
	s.alive = raw.alive
	s.scale = raw.scale
	s.last = end
	s.ids, s.keys, s.weights = nil, nil, nil
	s.weighed = false
	return raw, nil
}

// collect makes the candidates of all tokens that the edits left above −Inf.
func (s *Sampler) collect() {
	n := 0
	banned := keyOf(negInf)
	first := banned
	for id, z := range s.logits {
		k := keyOf(z)
		s.store.ids[n], s.store.keys[n] = int32(id), k
		if k < banned {
			n++
			first = min(first, k)
		}
	}
	s.ids, s.keys, s.weights = s.store.ids[:n], s.store.keys[:n], s.store.weights[:n]
	s.scale.top = first.logit()
}

// choose takes the first token of the order.
func (s *Sampler) choose() Result {
	first := end
	for i, k := range s.keys {
		if k < first.key {
			first = place{k, s.ids[i]}
		}
	}
	s.keepThrough(first)
	s.note(Greedy, 0, float64(first.key.logit()))
	return Result{Token: first.id, Prob: 1, Kept: 1}
}

// draw finds the candidate whose interval of the cumulative distribution holds the needle.
func (s *Sampler) draw(seed uint64, pos int) Result {
	s.weigh()
	u := Uniform(seed, pos)
	needle, _ := bits.Mul64(u, s.total) // ⌊u·total/2^64⌋
	f := s.atWeight(needle)
	res := Result{
		Token: f.id,
		Prob:  float32(share(f.weight, s.total)),
		Draw:  float64(u>>11) * 0x1p-53,
		Kept:  len(s.ids),
	}
	s.note(Draw, res.Draw, res.Draw)
	if s.rec != nil {
		s.rec.Needle, s.rec.Total = needle, s.total
	}
	return res
}

// weigh computes the candidates' weights for the current scale.
func (s *Sampler) weigh() {
	if s.weighed {
		return
	}
	s.weighed = true
	var total uint64
	for i, k := range s.keys {
		w := s.scale.weight(k.logit())
		s.weights[i] = w
		total += w
	}
	s.total = total
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
	s.logits[id] = z
	s.noteEdit(id, z)
}

func isNegInf(z float32) bool { return z < -math.MaxFloat32 }

// Score returns the raw log-probability and rank of a token that is given, not
// drawn (prompt_logprobs), and the top most probable tokens (−1: all). Errors are
// those of Sample.
func (s *Sampler) Score(logits []float32, token int32, top int) (TokenLogProb, []TokenLogProb, error) {
	raw, err := newRawDistribution(logits, s.vocab)
	if err != nil {
		return TokenLogProb{}, nil, err
	}
	if !inVocab(token, s.vocab) {
		return TokenLogProb{}, nil, badID("token", token, s.vocab)
	}
	if top < -1 || top > s.vocab {
		return TokenLogProb{}, nil, badInt("prompt_logprobs", top, "-1 (all) to "+strconv.Itoa(s.vocab))
	}
	raw.normalize(logits)
	scored := TokenLogProb{Token: token, LogProb: raw.logProb(logits[token]), Rank: rankOf(logits, token)}
	return scored, raw.top(logits, top), nil
}

// rawDistribution is the softmax of a row of logits as the model gave it.
type rawDistribution struct {
	scale    scale
	alive    int     // logits above −Inf
	logTotal float64 // ln Σ e^(z−top), once normalized
}

func newRawDistribution(logits []float32, vocab int) (rawDistribution, error) {
	if len(logits) != vocab {
		return rawDistribution{}, &LogitError{
			Index: -1, Got: strconv.Itoa(len(logits)) + " values", Want: strconv.Itoa(vocab) + " (the vocabulary)",
		}
	}
	var raw rawDistribution
	top := negInf
	for i, z := range logits {
		if z != z {
			return raw, &LogitError{Index: i, Got: "NaN", Want: "a number"}
		}
		if !isNegInf(z) {
			raw.alive++
		}
		if z > top { // not max: it costs three times as much for the sake of NaN
			top = z
		}
	}
	if raw.alive == 0 {
		return raw, ErrNoLogits
	}
	raw.scale = newScale(vocab, top)
	return raw, nil
}

// normalize sums the distribution up.
func (d *rawDistribution) normalize(logits []float32) {
	var total uint64
	for _, z := range logits {
		total += d.scale.weight(z)
	}
	d.logTotal = d.scale.logTotal(total)
}

func (d *rawDistribution) logProb(z float32) float32 {
	return float32(d.scale.exponent(z) - d.logTotal)
}

// top returns the n most probable tokens; −1 means all.
func (d *rawDistribution) top(logits []float32, n int) []TokenLogProb {
	if n == 0 {
		return nil
	}
	if n < 0 {
		n = len(logits)
	}
	list := make([]TokenLogProb, 0, n)
	for i, p := range firstOf(logits, n) {
		list = append(list, TokenLogProb{Token: p.id, LogProb: d.logProb(logits[p.id]), Rank: i + 1})
	}
	return list
}

// rankOf returns 1 plus the number of tokens before the token in the order.
func rankOf(logits []float32, token int32) int {
	z := logits[token]
	rank := 1
	for _, other := range logits {
		if other > z {
			rank++
		}
	}
	for _, other := range logits[:token] {
		if other == z {
			rank++
		}
	}
	return rank
}

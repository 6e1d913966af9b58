//go:build js && wasm

package main

import (
	"strconv"
	"strings"

	"vitrine/engine/sampler"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/link"
	"vitrine/wasm/page"
	"vitrine/wasm/resample"
)

// nextView shows how the token at the chosen position was drawn, or would be
// with the parameters as they stand now: the sampler runs here, over the whole
// vocabulary, whenever one of them changes.
type nextView struct {
	c         *client
	resampler *resample.Resampler
	vocab     int

	outcome *resample.Outcome // nil while there is none
	rows    []resample.Row
	logits  *wire.Logits // that outcome is of
	params  wire.Params  // and these
	seed    uint64
	trouble string  // why there is none
	took    float64 // milliseconds that it took
	asked   int32   // token that "why not that one?" is about, −1 for none

	says        *page.TextCell
	order       page.Element
	apply, back page.Element
	stages      *nextStages
	list        *nextList
	needle      *nextNeedle
	why         *nextWhy
	tree        *nextTree

	stale   bool // another draw has to be made
	redraw  bool // what is shown is not what is known
	renames bool // names of tokens arrived
}

func newNextView(c *client) *nextView {
	v := &nextView{
		c: c, asked: -1,
		says:  page.NewTextCell(page.ByID("next-says")),
		order: page.ByID("next-order"), apply: page.ByID("next-apply"), back: page.ByID("next-back"),
	}
	v.order.On("change", func(jsEvent) {
		order, _ := strconv.Atoi(v.order.FieldValue())
		c.params.chooseOrder(uint8(order))
	})
	v.apply.OnClick(func() {
		if c.params.right() {
			c.socket.Send(&wire.SetParams{Params: c.params.now})
		}
	})
	v.back.OnClick(func() {
		c.params.touched = true
		c.params.set(c.shown.State().Params)
	})
	v.stages = newNextStages(v)
	v.list = newNextList(v)
	v.needle = newNextNeedle(v)
	v.why = newNextWhy(v)
	v.tree = newNextTree(c)
	return v
}

func (v *nextView) name() string      { return "next" }
func (v *nextView) needs() wire.Views { return wire.ViewLogits }
func (v *nextView) ready() bool       { return len(v.c.shown.Tokens()) > 0 }

func (v *nextView) update(what change) {
	if what.has(session.ChangeLogits|session.ChangeTokens|session.ChangeState|session.ChangeModel|session.ChangeProblem) ||
		what.saw(changedToken|changedParams|changedSession|changedSocket|changedLanguage) {
		v.stale = true
	}
	if what.has(session.ChangeAnswer) {
		v.renames = true
	}
	if what.saw(changedToken | changedSession) {
		v.asked = -1
	}
	if what.saw(changedLanguage | changedTheme | changedSize) {
		v.redraw = true
	}
	if what.saw(changedSocket|changedSession) || what.has(session.ChangeModel) {
		v.why.again()
	}
	v.tree.update(what)
}

func (v *nextView) frame(float64) (again bool) {
	if v.stale {
		v.stale = false
		v.draw()
		v.redraw = true
	}
	if v.redraw || v.renames {
		v.renames = false
		v.showSettings()
		v.says.Show(v.sentence())
		v.stages.show()
		v.list.show()
		v.needle.show()
		v.why.show()
		v.redraw = false
	}
	v.tree.frame()
	return v.why.fetch()
}

// position is where the draw is: the chosen token, or while an answer is
// written and its logits lag behind the last token that has them.
func (v *nextView) position() int {
	at := v.c.at.token
	if !v.c.play.running() || !v.c.following {
		return at
	}
	for lag := range lagMost {
		if _, ok := v.c.shown.Logits(at - lag); ok {
			return at - lag
		}
	}
	return at
}

// lagMost is how far logits may lag behind the tokens while an answer is written.
const lagMost = 16

// draw makes the draw that is due, if the logits are there, and asks for them
// otherwise.
func (v *nextView) draw() {
	at := v.position()
	if at < 1 {
		v.forget(v.c.words.Say("next.says_first"))
		return
	}
	logits, ok := v.c.shown.Logits(at)
	if !ok {
		query := wire.Query{What: wire.QueryLogits, Position: uint32(at)}
		problem, refused := v.c.trouble(query)
		switch {
		case v.c.shown.Recorded():
			v.forget(v.c.words.Say("next.says_recorded"))
		case refused:
			v.forget(problem)
		default:
			v.logits, v.trouble = nil, v.c.words.Say("next.says_asking")
			v.outcome, v.rows = nil, nil
			if !v.c.play.running() || !v.c.following {
				v.c.ask(query)
			}
		}
		return
	}
	if vocab := int(logits.Vocab); v.resampler == nil || v.vocab != vocab {
		v.resampler, v.vocab = resample.New(vocab), vocab
	}
	params, seed := v.c.params.now, v.c.shown.State().Seed
	if v.outcome != nil && logits == v.logits && link.SameNumbers(&params, &v.params) && seed == v.seed {
		return // it would be the same draw
	}
	v.params, v.seed = params, seed
	began := page.Now()
	outcome, err := v.resampler.Run(resample.Question{
		Logits: logits, Tokens: v.c.shown.Tokens(), Params: params, Seed: seed, EOS: v.c.shown.Model().EOS,
	})
	if err != nil {
		v.forget(v.refusal(err))
		return
	}
	v.took = page.Now() - began
	v.outcome, v.logits, v.trouble = outcome, logits, ""
	also := []int32{outcome.Token}
	if t, ok := v.token(); ok {
		also = append(also, t.ID)
	}
	v.rows = resample.Rows(&outcome.Report, nextRows, also...)
	ids := make([]int32, len(v.rows))
	for i := range v.rows {
		ids[i] = v.rows[i].Token
	}
	v.askNames(ids)
}

// refusal says why the sampler does not draw; its own words are English.
func (v *nextView) refusal(err error) string {
	if e, ok := err.(*sampler.ParamError); ok { //nolint:errorlint // the sampler wraps none
		return v.c.words.Say("next.says_param", "Field", v.fieldName(e.Field), "Got", e.Got)
	}
	return v.c.words.Say("next.says_nothing")
}

// fieldName is what the page calls a parameter of the sampler.
func (v *nextView) fieldName(field string) string {
	label := page.ByID("params").Find(`label[for="param-` + strings.ReplaceAll(field, "_", "-") + `"]`)
	if label.IsNull() {
		return field
	}
	return label.Get("textContent").String()
}

// askNames asks what tokens stand for.
func (v *nextView) askNames(ids []int32) {
	v.c.ask(wire.Query{What: wire.QueryPieces, Tokens: ids})
}

// forget drops the draw; trouble says why.
func (v *nextView) forget(trouble string) {
	v.outcome, v.rows, v.logits, v.trouble = nil, nil, nil, trouble
}

// token is the token that stands at the position of the draw.
func (v *nextView) token() (wire.Token, bool) {
	tokens := v.c.shown.Tokens()
	if v.outcome == nil || v.outcome.Position >= len(tokens) {
		return wire.Token{}, false
	}
	return tokens[v.outcome.Position], true
}

// piece is a token's name: what it stands for, or its number until that is known.
func (v *nextView) piece(id int32) string {
	if p, ok := v.c.shown.Piece(id); ok && len(p.Bytes) > 0 {
		return session.Label(p.Bytes)
	}
	if t, ok := v.token(); ok && t.ID == id {
		return session.Label(t.Bytes)
	}
	return "#" + page.Decimal(int(id))
}

// showSettings brings the controls of the whole to the parameters.
func (v *nextView) showSettings() {
	p, state := &v.c.params.now, v.c.shown.State()
	v.order.SetValue(strconv.Itoa(int(p.Order)))
	same := link.SameNumbers(p, &state.Params)
	v.apply.SetDisabled(same || v.c.replay != nil || !v.c.canAsk())
	v.back.SetDisabled(same)
}

// sentence says what would be drawn, and what was.
func (v *nextView) sentence() string {
	o, say := v.outcome, v.c.words.Say
	if o == nil {
		return v.trouble
	}
	words := []string{"Piece", v.piece(o.Token), "P", view.Percent(float64(o.Prob))}
	text := ""
	t, there := v.token()
	if there {
		words = append(words, "Was", session.Label(t.Bytes))
	}
	switch {
	case !there:
		text = say("next.says_next", words...)
	case v.c.shown.Remote() != nil:
		text = say("next.says_remote", words...)
	case t.Flags&wire.FlagForced != 0:
		text = say("next.says_forced", words...)
	case t.Flags&wire.FlagDrawn == 0:
		text = say("next.says_given", append(words, "Pwas", view.Percent(o.ProbAt(0, t.ID)))...)
	case t.ID == o.Token:
		text = say("next.says_again", words...)
	default:
		text = say("next.says_other", words...)
	}
	if there && o.Draw != 0 && t.Draw == t.Draw && t.Flags&wire.FlagForced == 0 && float32(o.Draw) != t.Draw {
		text += " " + say("next.says_seed", "Was", page.Exact(t.Draw))
	}
	if !o.Whole {
		key := "next.says_part"
		if v.c.shown.Remote() != nil {
			key = "next.says_part_remote"
		}
		text += " " + say(key, "N", page.Grouped(o.Known), "Missing", view.Percent(o.Missing))
	}
	return text
}

// choose makes a token the one that "why not that one?" is about, and locks
// its reading.
func (v *nextView) choose(id int32) {
	v.asked, v.redraw = id, true
	v.c.inspector.Keep(func() page.Reading { return v.tokenReading(id) })
	v.c.wake()
}

// point shows a token's reading while the pointer is on it.
func (v *nextView) point(id int32) {
	v.c.inspector.Point(func() page.Reading { return v.tokenReading(id) })
}

// stageName is the word for a stage.
func (v *nextView) stageName(kind sampler.Kind) string {
	key := map[sampler.Kind]string{
		sampler.Raw: "next.stage_raw", sampler.MinTokens: "next.stage_min_tokens", sampler.LogitBias: "next.stage_logit_bias",
		sampler.RepetitionPenalty: "params.repetition", sampler.FrequencyPenalty: "params.frequency",
		sampler.PresencePenalty: "params.presence", sampler.Temperature: "params.temperature", sampler.MinP: "params.min_p",
		sampler.TopK: "params.top_k", sampler.TopP: "params.top_p", sampler.Greedy: "next.stage_greedy", sampler.Draw: "next.stage_draw",
	}[kind]
	if key == "" {
		return kind.String() // a stage that the page cannot set
	}
	return v.c.words.Say(key)
}

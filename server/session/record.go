package session

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vitrine/visualizer/recording"
	"vitrine/visualizer/wire"
)

// RecordOptions says what [Record] records.
type RecordOptions struct {
	Text   string // the user's message
	System string // the system message; empty leaves the template's own
	Params wire.Params
	// Label goes into the file. Record fills in an empty Title, Model, Date and
	// Note.
	Label recording.Label
	// TopLogits is how many of the largest logits are kept for each drawn
	// token; what the others add up to is kept as one number. Default 256.
	TopLogits int
	// MaxBytes bounds the file. The run itself has to fit; of the answers to
	// questions, the most useful are kept as far as there is room. Default 450 KB.
	MaxBytes int
}

// Record has a conversation of one message with the server's model, without a
// socket, and returns it as a recording (package recording): every frame that
// a page watching everything would have got, at the time when it would have,
// except that logits are cut, and that times are left out: they say something
// of the machine on which they were measured only. Afterwards it asks the questions that a page
// would ask, and puts the answers where the tokens that they are about have
// just appeared. The server must have an engine.
func Record(ctx context.Context, s *Server, o RecordOptions) ([]byte, error) {
	o.TopLogits = cmp.Or(o.TopLogits, 256)
	o.MaxBytes = cmp.Or(o.MaxBytes, 450_000)
	r := &recorder{options: o, failed: make(chan error, 1), begin: time.Now(), logits: map[int]bool{}, attention: map[int]bool{}}
	r.link = &link{out: newOutbox(), hangUp: func(_ int, reason string) {
		select {
		case r.failed <- fmt.Errorf("session: recording: the session ended: %s", reason):
		default:
		}
	}}
	one, err := s.enter("", r.link)
	if err != nil {
		return nil, err
	}
	r.session = one
	defer s.discard(one)
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if err := r.askAll(ctx); err != nil {
		return nil, err
	}
	return r.file()
}

// discard ends a session that nobody will come back to.
func (s *Server) discard(one *session) {
	s.mu.Lock()
	if s.sessions[one.id] == one {
		delete(s.sessions, one.id)
		close(one.quit)
	}
	s.mu.Unlock()
	<-one.done
}

// recorder is the page that a recording is made from.
type recorder struct {
	options RecordOptions
	session *session
	link    *link
	failed  chan error
	begin   time.Time

	model             wire.Model
	tokens            []wire.Token
	start             int          // of the answer
	likely            []int32      // tokens that the page would name
	blocks            []uint32     // of the conversation, by index
	over              bool         // the answer has ended
	logits, attention map[int]bool // positions whose numbers have come
	moments           []moment     // the run's frames
	lastID            uint32
	size              int // of all frames so far, with their headers
}

// moment is a frame of the run with what was learnt from the tokens before it.
type moment struct {
	at      uint32 // milliseconds
	frame   []byte
	answers [][]byte // that belong right behind it
	tokens  int      // in the sequence after it
}

// recordHeader is the size of a record besides its frame.
const recordHeader = 8

func (r *recorder) send(ctx context.Context, c wire.Command) error {
	select {
	case r.session.commands <- command{r.link, c}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next waits for the next frame.
func (r *recorder) next(ctx context.Context) (wire.Frame, error) {
	for {
		if b, ok := r.link.out.pop(); ok {
			f, err := wire.DecodeFrame(b)
			if p, isProblem := f.(*wire.Problem); isProblem && p.Query == 0 {
				err = fmt.Errorf("session: recording: %s: %s", p.Code, wire.Told(p.Detail, "en"))
			}
			return f, err
		}
		select {
		case <-r.link.out.wake:
		case err := <-r.failed:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run records the answer from the message to its end.
func (r *recorder) run(ctx context.Context) error {
	for _, c := range []wire.Command{
		&wire.Subscribe{Views: wire.ViewAttention | wire.ViewLogits | wire.ViewBlocks},
		&wire.Chat{Text: r.options.Text, System: r.options.System, Params: r.options.Params},
	} {
		if err := r.send(ctx, c); err != nil {
			return err
		}
	}
	for !r.over {
		f, err := r.next(ctx)
		if err != nil {
			return err
		}
		r.take(f)
	}
	// The end of the answer overtakes what is for the eye. It is all in the
	// outbox by now, or gave way to something later and has to be asked for.
	for {
		b, ok := r.link.out.pop()
		if !ok {
			break
		}
		f, err := wire.DecodeFrame(b)
		if err != nil {
			return err
		}
		r.take(f)
	}
	for pos := range r.tokens {
		if pos >= r.start && !r.logits[pos] {
			if err := r.askRun(ctx, wire.Query{What: wire.QueryLogits, Position: uint32(pos)}); err != nil {
				return err
			}
		}
		if pos < len(r.tokens)-1 && !r.attention[pos] {
			if err := r.askRun(ctx, wire.Query{What: wire.QueryAttention, Position: uint32(pos)}); err != nil {
				return err
			}
		}
	}
	r.size += len(new(recording.Writer).File(r.label()))
	if r.size > r.options.MaxBytes {
		return fmt.Errorf("session: recording: the run takes %d bytes, want at most %d; record fewer tokens", r.size, r.options.MaxBytes)
	}
	return nil
}

// askRun asks for logits or attention rows of the run that did not come by
// themselves. Those frames name no question; rows may come in several.
func (r *recorder) askRun(ctx context.Context, q wire.Query) error {
	if err := r.send(ctx, &q); err != nil {
		return err
	}
	for {
		f, err := r.next(ctx)
		if err != nil {
			return err
		}
		switch f := f.(type) {
		case *wire.Problem:
			return fmt.Errorf("session: recording: question %+v: %s", q, wire.Told(f.Detail, "en"))
		case *wire.Logits:
			r.take(f)
			return nil
		case *wire.AttentionRows:
			r.take(f)
			if int(f.From)+int(f.Rows) >= len(r.tokens) || r.size > r.options.MaxBytes {
				return nil // the rest is not needed, or was not sent
			}
		}
	}
}

// take makes a frame part of the run.
func (r *recorder) take(f wire.Frame) {
	switch f := f.(type) {
	case *wire.Hello:
		r.model = f.Model
	case *wire.Status:
		return // the way to the model is not part of what is shown
	case *wire.Machine:
		return // nor is the machine that it ran on
	case *wire.Tokens:
		r.tokens = append(r.tokens[:f.From], f.Tokens...)
	case *wire.State:
		r.start = int(f.Prompt)
		r.over = r.over || finished(f.State)
	case *wire.Logits:
		r.logits[int(f.Position)] = true
		r.cut(f)
	case *wire.AttentionRows:
		for row := range int(f.Rows) {
			r.attention[int(f.From)+row] = true
		}
	case *wire.Blocks:
		r.follow(f)
	}
	if len(r.tokens) > 0 || f.Kind() == wire.KindHello || f.Kind() == wire.KindBlocks {
		r.keep(f)
	}
}

func (r *recorder) keep(f wire.Frame) {
	m := moment{at: uint32(time.Since(r.begin).Milliseconds()), frame: wire.AppendFrame(nil, f), tokens: len(r.tokens)}
	if len(r.moments) == 0 {
		r.begin, m.at = time.Now(), 0
	}
	r.size += len(m.frame) + recordHeader
	r.moments = append(r.moments, m)
}

// cut keeps the largest logits, and of the others log Σ exp.
func (r *recorder) cut(f *wire.Logits) {
	order := make([]int32, len(f.Values))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(f.Values[b], f.Values[a]), cmp.Compare(a, b))
	})
	keep := min(r.options.TopLogits, len(order))
	top := f.Values[order[0]]
	var rest float64
	for _, id := range order[keep:] {
		rest += math.Exp(float64(f.Values[id]) - float64(top))
	}
	f.Rest = float32(float64(top) + math.Log(rest))
	f.IDs = order[:keep:keep]
	values := make([]float32, keep)
	for i, id := range f.IDs {
		values[i] = f.Values[id]
	}
	f.Values = values
	const named = 24 // as many as a list of candidates shows
	r.likely = append(r.likely, f.IDs[:min(named, keep)]...)
}

// follow notes the conversation's blocks.
func (r *recorder) follow(f *wire.Blocks) {
	for _, c := range f.Changes {
		if c.Refs > 0 && c.Owner == f.Own && f.Own != 0 && int(c.Index) == len(r.blocks) {
			r.blocks = append(r.blocks, c.Block)
		}
	}
}

// askAll asks what a page would, the most useful first.
func (r *recorder) askAll(ctx context.Context) error {
	for _, q := range r.questions() {
		f, err := r.ask(ctx, q)
		if err != nil {
			return err
		}
		b := wire.AppendFrame(nil, f)
		if r.size+len(b)+recordHeader > r.options.MaxBytes {
			continue // a smaller one may still fit
		}
		m := r.moment(f)
		m.answers = append(m.answers, b)
		r.size += len(b) + recordHeader
	}
	return nil
}

// questions are those that the views ask when they are opened, for the tokens
// that somebody is likely to choose: the end of the prompt, the beginning of
// the answer, and its end.
func (r *recorder) questions() []wire.Query {
	last, layers := len(r.tokens)-1, int(r.model.Layers)
	middle := uint16(layers / 2)
	slices.Sort(r.likely)
	qs := []wire.Query{
		{What: wire.QueryMerges, Text: r.options.Text},
		{What: wire.QueryPieces, Tokens: slices.Compact(r.likely)},
		{What: wire.QueryProjection},
		{What: wire.QueryHead},
		{What: wire.QueryHead, Layer: middle},
		{What: wire.QueryFlow, Position: uint32(last)},
		{What: wire.QueryCell, Position: uint32(last)},
		{What: wire.QueryCell, Position: uint32(last), Key: uint32(last)},
		{What: wire.QueryCell, Position: uint32(last), Layer: middle},
	}
	for _, name := range functions(r.model.Backend) {
		qs = append(qs, wire.Query{What: wire.QuerySource, Text: name})
	}
	for _, block := range r.blocks {
		qs = append(qs, wire.Query{What: wire.QueryBlock, Block: block})
	}
	positions := []int{last, r.start, r.start - 1}
	for pos := r.start + 1; pos < last; pos++ {
		positions = append(positions, pos)
	}
	for _, pos := range positions {
		qs = append(qs,
			wire.Query{What: wire.QueryVector, Position: uint32(pos)},
			wire.Query{What: wire.QueryNeighbours, Token: r.tokens[pos].ID},
			wire.Query{What: wire.QueryLens, Position: uint32(pos)},
		)
	}
	return qs
}

// ask waits for the answer to a question.
func (r *recorder) ask(ctx context.Context, q wire.Query) (wire.Frame, error) {
	r.lastID++
	q.ID = r.lastID
	if err := r.send(ctx, &q); err != nil {
		return nil, err
	}
	for {
		f, err := r.next(ctx)
		if err != nil {
			return nil, err
		}
		if p, refused := f.(*wire.Problem); refused {
			return nil, fmt.Errorf("session: recording: question %+v: %s", q, wire.Told(p.Detail, "en"))
		}
		if queryOf(f) == q.ID {
			return f, nil
		}
	}
}

// queryOf is the question that a frame answers, 0 if it names none.
func queryOf(f wire.Frame) uint32 {
	switch f := f.(type) {
	case *wire.Merges:
		return f.Query
	case *wire.Vector:
		return f.Query
	case *wire.Neighbours:
		return f.Query
	case *wire.Projection:
		return f.Query
	case *wire.HeadMatrix:
		return f.Query
	case *wire.Cell:
		return f.Query
	case *wire.Flow:
		return f.Query
	case *wire.Lens:
		return f.Query
	case *wire.BlockHeat:
		return f.Query
	case *wire.Pieces:
		return f.Query
	case *wire.Source:
		return f.Query
	case *wire.Problem:
		return f.Query
	}
	return 0
}

// moment is the one from which on an answer holds: when the last position
// that it is about has appeared.
func (r *recorder) moment(f wire.Frame) *moment {
	needs := 1
	switch f := f.(type) {
	case *wire.Vector:
		needs = int(f.Position) + 1
	case *wire.Lens:
		needs = int(f.Position) + 1
	case *wire.Flow:
		needs = int(f.Position) + 1
	case *wire.Cell:
		needs = int(f.Position) + 1
	case *wire.Projection, *wire.HeadMatrix, *wire.BlockHeat:
		return &r.moments[len(r.moments)-1]
	}
	for i := range r.moments {
		if r.moments[i].tokens >= needs {
			return &r.moments[i]
		}
	}
	return &r.moments[len(r.moments)-1]
}

// file writes everything down.
func (r *recorder) file() ([]byte, error) {
	var w recording.Writer
	for _, m := range r.moments {
		for _, b := range append([][]byte{m.frame}, m.answers...) {
			if err := w.Add(m.at, b); err != nil {
				return nil, err
			}
		}
	}
	return w.File(r.label()), nil
}

// label says what the recording is.
func (r *recorder) label() recording.Label {
	label := r.options.Label
	label.Title = cmp.Or(label.Title, r.options.Text)
	label.Model = cmp.Or(label.Model, cmp.Or(r.model.Title, r.model.Name)+" · "+r.model.Quantization)
	label.Date = cmp.Or(label.Date, time.Now().UTC().Format(time.DateOnly))
	label.Note = cmp.Or(label.Note, fmt.Sprintf("Of the logits the %d largest are kept, and of the answers to questions a selection.", r.options.TopLogits))
	return label
}

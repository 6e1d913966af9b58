package session

import (
	"context"
	"runtime/debug"
	"time"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// job is a question that is being answered beside the session's owner.
type job struct {
	query  *wire.Query
	from   *link
	cancel context.CancelFunc
	needs  int  // positions that the answer depends on
	stale  bool // some of them were dropped since; the owner's

	frames []wire.Frame // the answer, once done
	err    error
}

// ask takes in a question; it is answered in its turn.
func (s *session) ask(q *wire.Query) {
	if len(s.queries) >= maxQueries {
		s.fail(q.ID, errBusy)
		return
	}
	s.queries = append(s.queries, q)
}

// nextQuery begins to answer the next question, if the one before is done and
// the page has read what was there.
func (s *session) nextQuery() {
	for s.job == nil && len(s.queries) > 0 && s.link != nil && s.link.out.room() {
		q := s.queries[0]
		s.queries[0] = nil
		s.queries = s.queries[1:]
		v := view{inf: s.inf, heard: s.heard[int(q.Position)], handle: s.handle, branch: s.tree.active.id, tokens: len(s.tree.active.tokens), projecting: s.server.projecting}
		needs, err := v.check(q)
		if err == nil && s.inf == nil && q.What != wire.QuerySource {
			err = s.ready()
		}
		if err != nil {
			s.fail(q.ID, err)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		j := &job{query: q, from: s.link, cancel: cancel, needs: needs}
		s.job = j
		go func() {
			defer cancel()
			j.frames, j.err = v.answerSafely(ctx, q)
			s.answers <- j
		}()
	}
}

// answerSafely makes an error of a panic, which is a mistake of this program:
// one question must not end the conversations of others.
func (v *view) answerSafely(ctx context.Context, q *wire.Query) (frames []wire.Frame, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &mistake{p, debug.Stack()}
		}
	}()
	return v.answer(ctx, q)
}

// answered sends a finished answer to the page that asked. An answer about
// tokens that were dropped while it was computed is computed again, about the
// tokens that are there now.
func (s *session) answered(j *job) {
	s.job = nil
	switch {
	case s.link == nil || j.from != s.link:
	case j.stale:
		s.queries = append([]*wire.Query{j.query}, s.queries...)
	case j.err != nil:
		s.fail(j.query.ID, j.err)
	default:
		for _, f := range j.frames {
			s.say(f)
		}
	}
}

// forgetFrom is called when the tokens from position pos on are dropped: what
// is on its way about them must not arrive.
func (s *session) forgetFrom(pos int) {
	if s.job != nil && s.job.needs > pos {
		s.job.stale = true
	}
	if s.link != nil {
		s.link.out.discardVisuals()
	}
}

// subscribe replaces the set of views that the page watches.
func (s *session) subscribe(v wire.Views) {
	if s.link == nil {
		return
	}
	blocks := v & wire.ViewBlocks
	if blocks != s.link.views&wire.ViewBlocks {
		s.link.pool.setLive(blocks != 0)
	}
	s.link.views = v
	s.watch()
}

// wanted is what the request has to compute for the eye.
func (s *session) wanted() engine.Watch {
	if s.link == nil {
		return engine.Watch{}
	}
	pace := time.Duration(s.link.pace.Load())
	return engine.Watch{
		Attention: s.link.views&wire.ViewAttention != 0,
		Logits:    s.link.views&wire.ViewLogits != 0,
		Timing:    s.link.views&wire.ViewTiming != 0,
		Every:     max(s.server.options.WatchInterval, 2*pace), // with every other message
	}
}

// watch tells the engine what is wanted.
func (s *session) watch() {
	if s.handle == nil {
		return
	}
	if err := s.handle.SetWatch(s.wanted()); err != nil {
		s.log.Debug("session: watch", "err", err)
	}
}

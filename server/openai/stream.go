package openai

import (
	"context"
	"net/http"
	"time"
)

// reply is the form of an answer: that of completions or that of chat.
type reply interface {
	// chunk is one event of a stream: fresh text of a choice and its results from
	// token from on. It says whether there is anything to tell.
	chunk(c *choice, fresh string, from int) (v any, tell bool)
	// last is the event behind all choices that tells the usage.
	last(u *usage) any
	// whole is the answer in one piece.
	whole() any
}

// complete answers a request for a completion. decode reads its body, and in is
// the form that the answer is told in.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, decode func(*object, *Model) (*request, *Error), in func(*generation) reply) {
	ctx, m, done, refusal := s.begin(r)
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	defer done()
	o, refusal := s.body(w, r)
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	request, refusal := decode(o, m)
	if refusal != nil {
		s.fail(w, refusal)
		return
	}
	begin := s.generate
	if request.beams != nil {
		begin = s.search
	}
	g, refusal := begin(ctx, m, request)
	if refusal != nil {
		s.giveUp(w, refusal)
		return
	}
	s.run(ctx, w, g, in(g))
}

// run carries out a request in the form that it asks for.
func (s *Server) run(ctx context.Context, w http.ResponseWriter, g *generation, form reply) {
	defer g.release()
	if g.request.stream {
		s.streamAnswer(ctx, w, g, form)
		return
	}
	for g.open > 0 {
		if _, _, refusal := g.next(ctx); refusal != nil {
			s.giveUp(w, refusal)
			return
		}
	}
	s.answer(w, form.whole())
}

// giveUp answers with an error where somebody is there to read it.
func (s *Server) giveUp(w http.ResponseWriter, refusal *Error) {
	if refusal.Status == statusClientClosed {
		s.options.Log.Debug("openai: the client has gone; its request is aborted", "status", refusal.Status)
		return
	}
	if refusal.Status >= http.StatusInternalServerError {
		s.options.Log.Warn("openai: a request could not be finished", "status", refusal.Status, "error", refusal.Message)
	}
	s.fail(w, refusal)
}

// streamAnswer writes server-sent events (HTML Living Standard, section 9.2),
// one for each piece of text, and [DONE] at the end.
func (s *Server) streamAnswer(ctx context.Context, w http.ResponseWriter, g *generation, form reply) {
	out := &eventWriter{w: w, connection: http.NewResponseController(w), timeout: s.options.WriteTimeout}
	told := make([]int, len(g.choices)) // tokens of each choice that were told
	for g.open > 0 {
		c, fresh, refusal := g.next(ctx)
		switch {
		case refusal != nil && !out.begun:
			s.giveUp(w, refusal)
			return
		case refusal != nil:
			if refusal.Status != statusClientClosed {
				s.options.Log.Warn("openai: a stream ended early", "status", refusal.Status, "error", refusal.Message)
				_ = out.event(refusal.body())
				_ = out.done()
			}
			return
		case c == nil:
			continue
		}
		v, tell := form.chunk(c, fresh, told[c.index])
		if !tell {
			continue
		}
		told[c.index] = len(c.ids)
		if err := out.event(v); err != nil {
			s.options.Log.Info("openai: a client does not read; its request is aborted", "error", err)
			return
		}
	}
	if g.request.usage {
		if err := out.event(form.last(g.usage())); err != nil {
			return
		}
	}
	_ = out.done() // nobody can be told that it failed
}

// eventWriter writes server-sent events, each within the timeout.
type eventWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	timeout    time.Duration
	begun      bool
}

func (e *eventWriter) event(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	return e.write(append([]byte("data: "), append(b, '\n')...)) // b ends with a line's end
}

func (e *eventWriter) done() error { return e.write([]byte("data: [DONE]\n\n")) }

func (e *eventWriter) write(b []byte) error {
	if !e.begun {
		e.begun = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // for proxies that would collect the events
	}
	_ = e.connection.SetWriteDeadline(time.Now().Add(e.timeout)) // a recorder has none
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.connection.Flush()
}

package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// maxLine bounds one line of a stream, in bytes: a chunk with twenty
	// alternatives takes 3 kB, the first one of vLLM has the prompt's ids.
	maxLine = 4 << 20
	// maxStream bounds a whole stream, in bytes.
	maxStream = 256 << 20
	// silence is how long a stream may say nothing.
	silence = 2 * time.Minute
)

// Stream is an answer that is being written. It has to be closed.
type Stream struct {
	engine *Engine
	body   io.ReadCloser
	cancel context.CancelFunc
	ctx    context.Context
	quiet  *time.Timer
	events *eventReader
	begun  bool // something has come
	ended  bool // it was said why the answer ended
	closed sync.Once
	budget int // tokens that may still come
}

// Chat asks for the answer to a conversation.
func (e *Engine) Chat(ctx context.Context, messages []Message, p Params) (*Stream, error) {
	return e.open(ctx, "/v1/chat/completions", e.chatBody(messages, p), p)
}

// Complete asks for the continuation of a text.
func (e *Engine) Complete(ctx context.Context, prompt string, p Params) (*Stream, error) {
	return e.open(ctx, "/v1/completions", e.completeBody(prompt, p), p)
}

func (e *Engine) open(ctx context.Context, path string, body map[string]any, p Params) (*Stream, error) {
	if err := e.CheckParams(p); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	e.streams.Add(1)
	res, err := e.send(ctx, http.MethodPost, path, body) //nolint:bodyclose // Stream.Close does
	if err != nil {
		e.streams.Add(-1)
		cancel()
		return nil, err
	}
	return &Stream{
		engine: e, body: res.Body, cancel: cancel, ctx: ctx,
		quiet: time.AfterFunc(silence, cancel), events: newEventReader(res.Body), budget: p.MaxTokens,
	}, nil
}

// Next is the next piece of the answer. The error is io.EOF after the last,
// the context's if it is over, and an [*Error] for anything that is no stream of
// OpenAI's API.
func (s *Stream) Next() (Delta, error) {
	for {
		data, err := s.events.next()
		var limit *limitReached
		switch {
		case errors.Is(err, io.EOF) && !s.begun:
			// llama-cpp-python does so when the prompt is longer than its context.
			return Delta{}, s.engine.fault("the server broke the answer off before its first word, and does not say why; its log may", io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return Delta{}, s.engine.fault("the server broke the answer off", io.ErrUnexpectedEOF)
		case errors.As(err, &limit):
			return Delta{}, s.engine.limitError(limit.what, limit.limit, limit.unit)
		case err != nil && s.ctx.Err() != nil && !s.quiet.Stop():
			return Delta{}, s.engine.fault("the server has said nothing for "+silence.String(), err)
		case err != nil:
			return Delta{}, s.engine.unreachable(s.ctx, err)
		}
		s.quiet.Reset(silence)
		s.begun = true
		if bytes.Equal(data, []byte("[DONE]")) {
			if !s.ended {
				// llama-cpp-python does so when another request comes.
				return Delta{}, s.engine.fault("the server ended the answer and does not say why; another request may have interrupted it", nil)
			}
			return Delta{}, io.EOF
		}
		d, err := parseChunk(data)
		if err != nil {
			return Delta{}, s.engine.fault(err.Error(), err)
		}
		// A server that goes on after max_tokens would fill memory. The end token
		// may come on top.
		if s.budget -= len(d.Tokens); s.budget < -1 {
			return Delta{}, s.engine.fault("the server sends more tokens than max_tokens", nil)
		}
		s.ended = s.ended || d.Finish != ""
		if d.empty() {
			continue
		}
		s.engine.identify(d.Tokens)
		return d, nil
	}
}

// Close breaks the answer off if it is not over, which makes the server stop.
func (s *Stream) Close() {
	s.quiet.Stop()
	s.cancel()
	s.body.Close()
	s.closed.Do(func() { s.engine.streams.Add(-1) })
}

// limitReached says that a stream is larger than it may be.
type limitReached struct {
	what  string
	limit int
	unit  string
}

func (e *limitReached) Error() string { return e.what + " is too long" }

// eventReader reads the data of server-sent events (HTML Living Standard,
// section 9.2.6), of which OpenAI's API uses the field data only.
type eventReader struct {
	r    *bufio.Reader
	left int // bytes that may still be read
}

func newEventReader(r io.Reader) *eventReader {
	return &eventReader{r: bufio.NewReaderSize(r, 32<<10), left: maxStream}
}

// next is the data of the next event that has any; io.EOF at the end.
func (e *eventReader) next() ([]byte, error) {
	var data []byte
	some := false
	for {
		line, err := e.line()
		if err != nil {
			return nil, err // what an event has before the end is not an event
		}
		if len(line) == 0 {
			if some {
				return data, nil
			}
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue // a comment that keeps the connection alive, or another field
		}
		if some {
			data = append(data, '\n')
		}
		data, some = append(data, bytes.TrimPrefix(value, []byte(" "))...), true
		if len(data) > maxLine {
			return nil, &limitReached{"an event", maxLine >> 20, "MiB"}
		}
	}
}

// line is the next line without its end.
func (e *eventReader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := e.r.ReadSlice('\n')
		line = append(line, part...)
		if e.left -= len(part); e.left < 0 {
			return nil, &limitReached{"a stream", maxStream >> 20, "MiB"}
		}
		if len(line) > maxLine {
			return nil, &limitReached{"a line", maxLine >> 20, "MiB"}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

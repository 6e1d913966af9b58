package session

import (
	"context"
	"flag"
	"math"
	"os"
	"testing"
	"time"

	"vitrine/visualizer/recording"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// makeRecording writes the recording that the page brings: go test
// ./server/session -run EmbeddedRecording -make-recording
var makeRecording = flag.Bool("make-recording", false, "make the page's recording anew")

// embedded is the recording that the page brings.
const embedded = "../../web/static/recording.vitrine"

// replayed plays a recording to its end, the way the page does, and checks
// that every frame of it was of use.
func replayed(t *testing.T, file []byte) (recording.Label, *vis.Session) {
	t.Helper()
	label, records, err := recording.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	s := vis.NewRecorded()
	for i, r := range records {
		f, err := wire.DecodeFrame(r.Frame)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if s.Apply(f) == 0 {
			t.Errorf("record %d, %v, is of no use where it stands", i, f.Kind())
		}
	}
	if p := s.LastProblem(); p.Code != "" {
		t.Errorf("the recording ends with the problem %+v", *p)
	}
	return label, s
}

// checkReplay holds what a recording shows to what a live page would know.
func checkReplay(t *testing.T, s *vis.Session) {
	t.Helper()
	tokens, start := s.Tokens(), int(s.State().Prompt)
	if len(tokens) <= start || start == 0 || !finished(s.State().State) {
		t.Fatalf("%d tokens, a prompt of %d, state %v", len(tokens), start, s.State().State)
	}
	m := s.Model()
	for pos := range tokens {
		if pos < len(tokens)-1 {
			sum := 0.0
			row, ok := s.Attention(pos, int(m.Layers)-1, int(m.Heads)-1)
			for _, u := range row {
				sum += float64(wire.Weight(u))
			}
			if !ok || math.Abs(sum-1) > 0.1 {
				t.Errorf("the attention of position %d adds up to %v", pos, sum)
			}
		}
		if pos < start {
			continue
		}
		logits, ok := s.Logits(pos)
		if !ok {
			t.Errorf("no logits for position %d", pos)
			continue
		}
		sum := math.Exp(float64(logits.Rest))
		for _, z := range logits.Values {
			sum += math.Exp(float64(z))
		}
		z, ok := logits.Logit(tokens[pos].ID)
		if got := float64(z) - math.Log(sum); !ok || math.Abs(got-float64(tokens[pos].LogProb)) > 1e-3 {
			t.Errorf("token %d was drawn with log probability %v, its logits say %v", pos, tokens[pos].LogProb, got)
		}
		if piece, ok := s.Piece(logits.IDs[0]); !ok || len(piece.Bytes) == 0 {
			t.Errorf("the likeliest token of position %d has no name", pos)
		}
	}
	last := len(tokens) - 1
	for what, ok := range map[string]bool{
		"messages": len(s.Messages()) >= 2, "branches": len(s.Branches()) == 1, "blocks": len(s.Pool().Table) > 0,
		"merges":     has(s.Merges(s.Messages()[len(s.Messages())-2].Text)),
		"projection": has(s.Projection()), "head": has(s.Head(0, 0)), "cell": has(s.Cell(0, 0, last, 0)),
		"flow": has(s.Flow(last, 0)), "lens": has(s.Lens(last)), "vector": has(s.Vector(last, 0)),
		"neighbours": has(s.Neighbours(tokens[last].ID)), "block": has(s.Block(int(s.Pool().Table[0].Block), 0, 0)),
		"source": has(s.Source("engine/sampler.(*Sampler).Sample")),
	} {
		if !ok {
			t.Errorf("the recording has no %s", what)
		}
	}
}

func has[T any](_ T, ok bool) bool { return ok }

func TestRecord(t *testing.T) {
	r := tiny(t, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	file, err := Record(ctx, r.server, RecordOptions{Text: "Hello", Params: params(20), TopLogits: 64})
	if err != nil {
		t.Fatal(err)
	}
	label, s := replayed(t, file)
	checkReplay(t, s)
	if label.Title != "Hello" || label.Model == "" || label.Date == "" || label.Note == "" {
		t.Errorf("label %+v", label)
	}
	if n := len(r.server.names()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	// With less room some answers go, and with none the recording fails.
	small, err := Record(ctx, r.server, RecordOptions{Text: "Hello", Params: params(20), TopLogits: 64, MaxBytes: len(file) - 1000})
	if err != nil || len(small) >= len(file) {
		t.Errorf("%d bytes, want fewer than %d (%v)", len(small), len(file), err)
	}
	replayed(t, small)
	if _, err := Record(ctx, r.server, RecordOptions{Text: "Hello", Params: params(20), MaxBytes: 1000}); err == nil {
		t.Error("a recording in 1000 bytes")
	}
	if _, err := Record(ctx, r.server, RecordOptions{Text: "", Params: params(20)}); err == nil {
		t.Error("a recording of nothing")
	}
	over, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := Record(over, r.server, RecordOptions{Text: "Hello", Params: params(900)}); err == nil {
		t.Error("a recording in no time")
	}
	if err := r.server.Close(ctx); err != nil {
		t.Error(err)
	}
	if _, err := Record(ctx, r.server, RecordOptions{Text: "Hello", Params: params(20)}); err == nil {
		t.Error("a recording on a closed server")
	}
}

// The recording in the page is of this version and whole.
func TestEmbeddedRecording(t *testing.T) {
	if *makeRecording {
		r := smollm2(t, Options{})
		r.model.Name, r.model.Title = "smollm2-135m-instruct", "SmolLM2-135M-Instruct"
		r.server.SetEngine(r.engine, r.template, r.model)
		set := wire.Params{Temperature: 0.8, TopP: 0.95, TopK: 40, RepetitionPenalty: 1, Seed: 7, HasSeed: true, MaxTokens: 22}
		file, err := Record(context.Background(), r.server, RecordOptions{Text: "What is gravity?", System: "Be brief.", Params: set})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(embedded, file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(embedded)
	if err != nil {
		t.Fatal(err)
	}
	if len(file) > 450_000 {
		t.Errorf("the recording takes %d bytes, want at most 450,000", len(file))
	}
	label, s := replayed(t, file)
	checkReplay(t, s)
	t.Logf("%+v: %d bytes, %d tokens: %q", label, len(file), len(s.Tokens()), s.Messages()[len(s.Messages())-1].Text)
}

package wire

import (
	"math"
	"math/bits"
	"strconv"
)

// Each fields method lists the fields of its struct in the order of their
// declaration, followed by the relations between them that readers rely on.

// Kind implements [Frame].
func (*Hello) Kind() Kind { return KindHello }

func (f *Hello) fields(c *coder) {
	c.string("Session", &f.Session)
	c.bool("Resumed", &f.Resumed)
	c.string("Version", &f.Version)
	enum(c, "Phase", &f.Phase, PhaseFailed)
	c.group("Model", f.Model.fields)
}

func (m *Model) fields(c *coder) {
	c.string("Name", &m.Name)
	c.string("Title", &m.Title)
	c.string("Architecture", &m.Architecture)
	c.string("Quantization", &m.Quantization)
	c.string("Licence", &m.Licence)
	c.string("Backend", &m.Backend)
	c.uint16("Threads", &m.Threads)
	c.uint16("Layers", &m.Layers)
	c.uint32("Width", &m.Width)
	c.uint16("Heads", &m.Heads)
	c.uint16("KVHeads", &m.KVHeads)
	c.uint16("HeadDim", &m.HeadDim)
	c.uint32("FFN", &m.FFN)
	c.uint32("Vocab", &m.Vocab)
	c.uint32("Context", &m.Context)
	c.float32("RopeTheta", &m.RopeTheta)
	c.float32("NormEps", &m.NormEps)
	c.uint16("BlockSize", &m.BlockSize)
	c.uint32("Blocks", &m.Blocks)
	c.uint32("BytesPerSlot", &m.BytesPerSlot)
	c.int32s("EOS", &m.EOS)
	c.bool("HasTemplate", &m.HasTemplate)
	c.uint64("Parameters", &m.Parameters)
}

// Kind implements [Frame].
func (*Status) Kind() Kind { return KindStatus }

func (f *Status) fields(c *coder) {
	enum(c, "Phase", &f.Phase, PhaseFailed)
	c.string("Name", &f.Name)
	c.uint64("Received", &f.Received)
	c.uint64("Total", &f.Total)
	c.float32("Rate", &f.Rate)
	c.string("Source", &f.Source)
	c.string("Detail", &f.Detail)
}

// Kind implements [Frame].
func (*Tokens) Kind() Kind { return KindTokens }

func (f *Tokens) fields(c *coder) {
	c.uint32("Branch", &f.Branch)
	c.uint32("From", &f.From)
	list(c, "Tokens", &f.Tokens, func(c *coder, t *Token) { t.fields(c) })
}

func (t *Token) fields(c *coder) {
	c.int32("ID", &t.ID)
	t.Flags.fields(c)
	c.bytes("Bytes", &t.Bytes)
	c.float32("LogProb", &t.LogProb)
	c.float32("Prob", &t.Prob)
	c.float32("Draw", &t.Draw)
	c.uint32("Kept", &t.Kept)
	c.uint32("Micros", &t.Micros)
}

func (f *TokenFlag) fields(c *coder) { enum(c, "Flags", f, allTokenFlags) }

// Kind implements [Frame].
func (*Message) Kind() Kind { return KindMessage }

func (f *Message) fields(c *coder) {
	c.uint16("Index", &f.Index)
	enum(c, "Role", &f.Role, RoleAssistant)
	c.bool("Append", &f.Append)
	c.string("Text", &f.Text)
	c.uint32("First", &f.First)
}

// Kind implements [Frame].
func (*State) Kind() Kind { return KindState }

func (f *State) fields(c *coder) {
	enum(c, "State", &f.State, StateAborted)
	c.uint32("Branch", &f.Branch)
	c.group("Params", f.Params.fields)
	c.uint64("Seed", &f.Seed)
	c.uint32("Prompt", &f.Prompt)
}

// Kind implements [Frame].
func (*Step) Kind() Kind { return KindStep }

func (f *Step) fields(c *coder) {
	c.uint64("Number", &f.Number)
	c.uint32("Position", &f.Position)
	c.uint16("Computed", &f.Computed)
	c.uint16("Batch", &f.Batch)
	c.uint16("Requests", &f.Requests)
	c.uint32("Micros", &f.Micros)
	c.float32("TokensPerSec", &f.TokensPerSec)
	c.uint64("VisualsDropped", &f.VisualsDropped)
}

// Kind implements [Frame].
func (*AttentionRows) Kind() Kind { return KindAttentionRows }

func (f *AttentionRows) fields(c *coder) {
	c.uint32("Branch", &f.Branch)
	c.uint32("From", &f.From)
	c.uint16("Rows", &f.Rows)
	c.uint16("Layers", &f.Layers)
	c.uint16("Heads", &f.Heads)
	c.bytes("Values", &f.Values)
	// Up to 2⁴⁹ keys times up to 2³² heads may pass 64 bits.
	rows, from := uint64(f.Rows), uint64(f.From)
	over, n := bits.Mul64(rows*from+rows*(rows+1)/2, uint64(f.Layers)*uint64(f.Heads))
	c.length("Values", len(f.Values), over, n, "the keys of all rows, layers and heads")
}

// Kind implements [Frame].
func (*Logits) Kind() Kind { return KindLogits }

func (f *Logits) fields(c *coder) {
	c.uint32("Branch", &f.Branch)
	c.uint32("Position", &f.Position)
	c.uint32("Vocab", &f.Vocab)
	c.int32s("IDs", &f.IDs)
	c.float32("Rest", &f.Rest)
	c.float32s("Values", &f.Values)
	if len(f.IDs) == 0 {
		c.length("Values", len(f.Values), 0, uint64(f.Vocab), "Vocab, as there are no IDs")
	} else {
		c.length("Values", len(f.Values), 0, uint64(len(f.IDs)), "one an ID")
	}
}

// Kind implements [Frame].
func (*Blocks) Kind() Kind { return KindBlocks }

func (f *Blocks) fields(c *coder) {
	c.uint64("Seq", &f.Seq)
	c.bool("Snapshot", &f.Snapshot)
	c.uint32("Total", &f.Total)
	c.uint32("Used", &f.Used)
	c.uint32("Own", &f.Own)
	list(c, "Changes", &f.Changes, func(c *coder, b *BlockChange) { b.fields(c) })
	for i := range f.Changes {
		if b := f.Changes[i].Block; c.ok() && b >= f.Total {
			c.fail("Changes["+strconv.Itoa(i)+"].Block", 0, "less than Total "+utoa(f.Total)+", not "+utoa(b))
		}
	}
}

func (b *BlockChange) fields(c *coder) {
	c.uint32("Block", &b.Block)
	c.uint16("Refs", &b.Refs)
	c.uint32("Owner", &b.Owner)
	c.uint32("Index", &b.Index)
	c.uint16("Filled", &b.Filled)
	c.bool("Hashed", &b.Hashed)
}

// Kind implements [Frame].
func (*Branches) Kind() Kind { return KindBranches }

func (f *Branches) fields(c *coder) {
	c.uint32("Active", &f.Active)
	list(c, "Branches", &f.Branches, func(c *coder, b *Branch) { b.fields(c) })
}

func (b *Branch) fields(c *coder) {
	c.uint32("ID", &b.ID)
	c.uint32("Parent", &b.Parent)
	c.uint32("Fork", &b.Fork)
	c.uint32("Length", &b.Length)
	c.string("Text", &b.Text)
}

// Kind implements [Frame].
func (*Merges) Kind() Kind { return KindMerges }

func (f *Merges) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.string("Text", &f.Text)
	c.string("Algorithm", &f.Algorithm)
	list(c, "Words", &f.Words, func(c *coder, w *Word) { w.fields(c) })
	c.bool("Cut", &f.Cut)
	for i := range f.Words {
		if w := &f.Words[i]; c.ok() && (w.Start > w.End || uint64(w.End) > uint64(len(f.Text))) {
			c.fail("Words["+strconv.Itoa(i)+"].End", 0, "a byte range within Text ("+strconv.Itoa(len(f.Text))+" bytes), not "+
				utoa(w.Start)+" to "+utoa(w.End))
		}
	}
}

func (w *Word) fields(c *coder) {
	c.uint32("Start", &w.Start)
	c.uint32("End", &w.End)
	c.byteSlices("Initial", &w.Initial)
	list(c, "Merges", &w.Merges, func(c *coder, m *Merge) { m.fields(c) })
	c.int32s("IDs", &w.IDs)
	c.byteSlices("Pieces", &w.Pieces)
	c.length("Pieces", len(w.Pieces), 0, uint64(len(w.IDs)), "one an ID")
}

func (m *Merge) fields(c *coder) {
	c.uint16("Left", &m.Left)
	c.int32("Rank", &m.Rank)
	c.float32("Score", &m.Score)
	c.byteSlices("Symbols", &m.Symbols)
	if c.ok() && int(m.Left) >= len(m.Symbols) {
		c.fail("Left", 0, "an index of Symbols ("+strconv.Itoa(len(m.Symbols))+"), not "+strconv.Itoa(int(m.Left)))
	}
}

// Kind implements [Frame].
func (*Vector) Kind() Kind { return KindVector }

func (f *Vector) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint32("Position", &f.Position)
	c.uint16("Layer", &f.Layer)
	c.float32s("Values", &f.Values)
}

// Kind implements [Frame].
func (*Neighbours) Kind() Kind { return KindNeighbours }

func (f *Neighbours) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.int32("Token", &f.Token)
	list(c, "Tokens", &f.Tokens, func(c *coder, n *Neighbour) { n.fields(c) })
}

func (n *Neighbour) fields(c *coder) {
	c.int32("ID", &n.ID)
	c.bytes("Bytes", &n.Bytes)
	c.float32("Cosine", &n.Cosine)
}

// Kind implements [Frame].
func (*Projection) Kind() Kind { return KindProjection }

func (f *Projection) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint32("Count", &f.Count)
	c.uint16("Layers", &f.Layers)
	c.float32s("Explained", &f.Explained)
	c.float32s("XY", &f.XY)
	c.float32s("Norms", &f.Norms)
	sets := uint64(f.Layers) + 1
	c.length("Explained", len(f.Explained), 0, sets, "Layers + 1")
	c.length("XY", len(f.XY), 0, sets*uint64(f.Count)*2, "(Layers + 1) · Count · 2")
	c.length("Norms", len(f.Norms), 0, sets*uint64(f.Count), "(Layers + 1) · Count")
}

// Kind implements [Frame].
func (*HeadMatrix) Kind() Kind { return KindHeadMatrix }

func (f *HeadMatrix) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint16("Layer", &f.Layer)
	c.uint16("Head", &f.Head)
	c.uint32("Count", &f.Count)
	c.float32s("Values", &f.Values)
	n := uint64(f.Count)
	c.length("Values", len(f.Values), 0, n*(n+1)/2, "Count · (Count + 1) / 2")
}

// Kind implements [Frame].
func (*Cell) Kind() Kind { return KindCell }

func (f *Cell) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint16("Layer", &f.Layer)
	c.uint16("Head", &f.Head)
	c.uint16("KVHead", &f.KVHead)
	c.uint32("Position", &f.Position)
	c.uint32("Key", &f.Key)
	c.float32s("Q", &f.Q)
	c.float32s("K", &f.K)
	c.float32("Dot", &f.Dot)
	c.float32("Scale", &f.Scale)
	c.float32("Score", &f.Score)
	c.float32("Max", &f.Max)
	c.float32("Sum", &f.Sum)
	c.float32("Weight", &f.Weight)
	c.length("K", len(f.K), 0, uint64(len(f.Q)), "as many as Q")
	if c.ok() && f.Key > f.Position {
		c.fail("Key", 0, "at most Position "+utoa(f.Position)+", not "+utoa(f.Key)+": later keys are masked")
	}
}

// Kind implements [Frame].
func (*Flow) Kind() Kind { return KindFlow }

func (f *Flow) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint32("Position", &f.Position)
	c.uint16("Layer", &f.Layer)
	c.float32s("Input", &f.Input)
	list(c, "Stages", &f.Stages, func(c *coder, s *Stage) { s.fields(c) })
}

func (s *Stage) fields(c *coder) {
	c.string("Name", &s.Name)
	c.uint32s("Shape", &s.Shape)
	c.float32("Norm", &s.Norm)
	c.float32s("Values", &s.Values)
	c.string("Func", &s.Func)
	most := uint64(1)
	for _, d := range s.Shape {
		over, product := bits.Mul64(most, uint64(d))
		if over != 0 {
			product = math.MaxUint64 // more than any frame holds
		}
		most = product
	}
	if c.ok() && uint64(len(s.Values)) > most {
		c.fail("Values", 0, "at most "+strconv.FormatUint(most, 10)+" values (the product of Shape), not "+strconv.Itoa(len(s.Values)))
	}
}

// Kind implements [Frame].
func (*Lens) Kind() Kind { return KindLens }

func (f *Lens) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Branch", &f.Branch)
	c.uint32("Position", &f.Position)
	list(c, "Layers", &f.Layers, func(c *coder, l *[]Candidate) {
		list(c, "", l, func(c *coder, t *Candidate) { t.fields(c) })
	})
}

func (t *Candidate) fields(c *coder) {
	c.int32("ID", &t.ID)
	c.bytes("Bytes", &t.Bytes)
	c.float32("Prob", &t.Prob)
	c.float32("Logit", &t.Logit)
}

// Kind implements [Frame].
func (*BlockHeat) Kind() Kind { return KindBlockHeat }

func (f *BlockHeat) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.uint32("Block", &f.Block)
	c.uint16("Layer", &f.Layer)
	c.uint16("KVHead", &f.KVHead)
	c.uint16("Filled", &f.Filled)
	c.uint16("Dim", &f.Dim)
	c.float32s("K", &f.K)
	c.float32s("V", &f.V)
	n := uint64(f.Filled) * uint64(f.Dim)
	c.length("K", len(f.K), 0, n, "Filled · Dim")
	c.length("V", len(f.V), 0, n, "Filled · Dim")
}

// Kind implements [Frame].
func (*Pieces) Kind() Kind { return KindPieces }

func (f *Pieces) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.int32s("IDs", &f.IDs)
	c.byteSlices("Bytes", &f.Bytes)
	c.bools("Special", &f.Special)
	c.length("Bytes", len(f.Bytes), 0, uint64(len(f.IDs)), "one an ID")
	c.length("Special", len(f.Special), 0, uint64(len(f.IDs)), "one an ID")
}

// Kind implements [Frame].
func (*Source) Kind() Kind { return KindSource }

func (f *Source) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.string("Func", &f.Func)
	c.string("File", &f.File)
	c.uint32("Line", &f.Line)
	c.string("Text", &f.Text)
}

// Kind implements [Frame].
func (*Problem) Kind() Kind { return KindProblem }

func (f *Problem) fields(c *coder) {
	c.uint32("Query", &f.Query)
	c.string("Code", &f.Code)
	c.string("Field", &f.Field)
	c.string("Detail", &f.Detail)
}

// Kind implements [Frame].
func (*Pong) Kind() Kind { return KindPong }

func (f *Pong) fields(c *coder) { c.uint32("Number", &f.Number) }

// Kind implements [Frame].
func (*Timing) Kind() Kind { return KindTiming }

func (f *Timing) fields(c *coder) {
	c.uint64("Number", &f.Number)
	c.uint32("Position", &f.Position)
	c.uint16("Computed", &f.Computed)
	c.uint16("Batch", &f.Batch)
	c.uint16("Requests", &f.Requests)
	c.float32("Step", &f.Step)
	c.float32("Draw", &f.Draw)
	list(c, "Outer", &f.Outer, func(c *coder, t *OperationTime) { t.fields(c) })
	c.uint16("Layers", &f.Layers)
	list(c, "Inner", &f.Inner, func(c *coder, o *Operation) { enum(c, "", o, NumOperations-1) })
	c.float32s("Micros", &f.Micros)
	for _, t := range f.Outer {
		if c.ok() && t.Op.InLayer() {
			c.fail("Outer", 0, "operations outside the layers only, not "+strconv.Itoa(int(t.Op)))
		}
	}
	for _, o := range f.Inner {
		if c.ok() && !o.InLayer() {
			c.fail("Inner", 0, "operations of a layer only, not "+strconv.Itoa(int(o)))
		}
	}
	c.length("Micros", len(f.Micros), 0, uint64(f.Layers)*uint64(len(f.Inner)), "Layers · operations of Inner")
}

func (t *OperationTime) fields(c *coder) {
	enum(c, "Op", &t.Op, NumOperations-1)
	c.float32("Micros", &t.Micros)
}

// Kind implements [Frame].
func (*Machine) Kind() Kind { return KindMachine }

func (f *Machine) fields(c *coder) {
	c.uint64("StepBytes", &f.StepBytes)
	c.uint64("BytesPerSecond", &f.BytesPerSecond)
	c.uint64("Bytes", &f.Bytes)
	c.uint16("Threads", &f.Threads)
}

// Kind implements [Frame].
func (*KVRead) Kind() Kind { return KindKVRead }

func (f *KVRead) fields(c *coder) { c.uint64("Bytes", &f.Bytes) }

// Kind implements [Frame].
func (*Aside) Kind() Kind { return KindAside }

func (f *Aside) fields(c *coder) {
	c.uint32("Branch", &f.Branch)
	list(c, "Tokens", &f.Tokens, func(c *coder, t *Token) { t.fields(c) })
	list(c, "Messages", &f.Messages, func(c *coder, r *RestoredMessage) { r.fields(c) })
}

// Kind implements [Frame].
func (*Bundle) Kind() Kind { return KindBundle }

func (f *Bundle) fields(c *coder) {
	c.byteSlices("Frames", &f.Frames)
	for i, b := range f.Frames {
		if !c.ok() {
			return
		}
		if k, err := KindOf(b); err != nil || !k.IsFrame() && !k.isHallFrame() || k == KindBundle {
			c.fail("Frames["+strconv.Itoa(i)+"]", 0, "a frame that is no Bundle")
		}
	}
}

// length checks, after reading, that a slice has the length that other fields
// give it: want, where over says that the true number is over 64 bits.
func (c *coder) length(field string, have int, over, want uint64, why string) {
	if c.ok() && (over != 0 || uint64(have) != want) {
		s := strconv.FormatUint(want, 10)
		if over != 0 {
			s = "over 2⁶⁴"
		}
		c.fail(field, 0, s+" values ("+why+"), not "+strconv.Itoa(have))
	}
}

func utoa(v uint32) string { return strconv.FormatUint(uint64(v), 10) }

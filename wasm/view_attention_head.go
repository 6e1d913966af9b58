//go:build js && wasm

package main

import (
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// headPart is one head: its matrix and, beside it, the chosen token's row.
type headPart struct {
	c      *client
	whole  page.Element
	matrix *matrix
	reads  *reads

	row  patience // asks for the exact row of the chosen token
	head patience // asks for all of the head
	cell patience // asks for the operands of the weight that is pointed at
}

// mostExact is the longest sequence whose heads are asked for whole: that takes
// all of it through the model once more. In a longer one the weights that are
// not in the chosen row are exact only where one is pointed at.
const mostExact = 128

func newHeadPart(c *client, say func(string)) *headPart {
	return &headPart{
		c: c, whole: page.ByID("part-head"), matrix: newMatrix(c, say), reads: newReads(c),
		row: patience{c: c}, head: patience{c: c}, cell: patience{c: c},
	}
}

func (p *headPart) section() page.Element { return p.whole }

func (p *headPart) update(what change) {
	p.matrix.update(what)
	p.reads.update(what)
}

func (p *headPart) frame(t float64) (again bool) {
	layer, head, q := p.c.layer(), p.c.head(), p.c.queryPosition()
	if at, on := p.wantedCell(); on && at.k <= at.q {
		if _, held := p.c.shown.Cell(at.layer, at.head, at.q, at.k); !held {
			p.cell.want(t, cellQuery(at.layer, at.head, at.q, at.k))
		}
	}
	switch {
	case !p.c.resting():
	case exactRow(p.c.shown, layer, head, q) == nil:
		// The flow holds the row of every head of the layer, for one run of one token.
		p.row.want(t, wire.Query{What: wire.QueryFlow, Position: uint32(q), Layer: uint16(layer)})
	case len(p.c.shown.Tokens()) <= mostExact:
		if exact, held := p.c.shown.Head(layer, head); !held || int(exact.Count) <= q {
			p.head.want(t, wire.Query{What: wire.QueryHead, Layer: uint16(layer), Head: uint16(head)})
		}
	}
	p.matrix.frame()
	p.reads.frame()
	return false
}

// wantedCell is the weight whose operands should be there: the one under the pointer,
// else the chosen one.
func (p *headPart) wantedCell() (at headPlace, on bool) {
	if at, on = p.matrix.pointedCell(); on {
		return at, true
	}
	if at, on = p.reads.pointedCell(); on {
		return at, true
	}
	return headPlace{p.c.layer(), p.c.head(), p.c.queryPosition(), p.c.at.key}, p.c.at.key >= 0 && p.c.inspector.IsKept()
}

// headChanged reports whether what a head's picture shows may differ.
func headChanged(what change) bool {
	return what.has(session.ChangeModel|session.ChangeTokens|session.ChangeAttention|session.ChangeAnswer|session.ChangeProblem|session.ChangeState) ||
		what.saw(changedToken|changedPlace|changedLanguage|changedTheme|changedSize|changedSession)
}

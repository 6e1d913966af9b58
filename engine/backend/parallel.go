package backend

import (
	"fmt"

	"vitrine/engine/quant"
)

// Borders says how the ranks of a [Parallel] backend divide rows, columns or
// heads among themselves: rank r has those from Borders[r] up to, not
// including, Borders[r+1]. There is one border more than there are ranks, the
// first is 0 and the last is the number of what is divided. The parts need not
// be of the same size, but none is empty.
type Borders []int

// Check says what is wrong with the borders of n things among so many ranks.
func (b Borders) Check(n, ranks int) error {
	if len(b) != ranks+1 || b[0] != 0 || b[len(b)-1] != n {
		return fmt.Errorf("backend: borders %v, want %d from 0 to %d", []int(b), ranks+1, n)
	}
	for r := range ranks {
		if b[r] >= b[r+1] {
			return fmt.Errorf("backend: borders %v leave nothing to rank %d", []int(b), r)
		}
	}
	return nil
}

// Of is the part of a rank: from … to-1.
func (b Borders) Of(rank int) (from, to int) { return b[rank], b[rank+1] }

// Parallel is what a backend also is that divides a model among ranks, each
// with a part of the weights and of the KV cache (tensor parallelism; Shoeybi
// et al. 2019, "Megatron-LM", section 3). Handles that are made with the methods
// of [Backend] are replicated: every rank has the whole, and computes it for
// itself. Those that are made here are divided.
//
// A product with a column-parallel weight of a replicated tensor gives a divided
// tensor: each rank computes its columns. A product with a row-parallel weight
// of a divided tensor gives a replicated one in which each rank has only its
// own part of the sum; [Parallel.AllReduce] makes it whole. An operation on the
// columns of a divided tensor is done by the rank that has them. Reading a divided tensor
// gathers its columns.
type Parallel interface {
	Backend
	// Ranks is the number of ranks.
	Ranks() int
	// NewColumnParallel takes a parameter whose outputs, the rows of a matrix
	// or the numbers of a vector, are divided. As the w of Embed, it is an embedding
	// whose vocabulary is divided: a rank that has not a token's row sets zeros,
	// and AllReduce makes the vectors whole.
	NewColumnParallel(name string, t quant.Type, rows, cols int, data []byte, at Borders) (Weight, error)
	// NewRowParallel takes a matrix whose inputs, its columns, are divided.
	// Borders must lie between blocks of the format. Its products have no bias,
	// which every rank would add.
	NewRowParallel(name string, t quant.Type, rows, cols int, data []byte, at Borders) (Weight, error)
	// NewDivided makes room for activations whose columns are divided.
	NewDivided(rows int, at Borders) (Tensor, error)
	// NewDividedKV makes room for keys and values whose heads are divided.
	NewDividedKV(c KVConfig, at Borders) (KVCache, error)
	// AllReduce sets n rows of x, in every rank, to the sum of what the ranks
	// have there, added up in their order: rank 0's plus rank 1's plus …
	AllReduce(x Tensor, n int)
}

package view

import "vitrine/visualizer/wire"

// BranchRow is a branch of the conversation in a list that shows the tree.
type BranchRow struct {
	wire.Branch
	Number int // from 1, in the order in which the branches were made
	Depth  int // forks between it and the first branch
}

// BranchTree lists branches so that each stands below the one that it left,
// and those that left the same one in the order in which they were made. A
// branch whose parent is not there, or that is its own ancestor, begins a tree
// of its own; every branch is listed once.
func BranchTree(branches []wire.Branch) []BranchRow {
	rows := make([]BranchRow, 0, len(branches))
	index := make(map[uint32]int, len(branches))
	for i, b := range branches {
		index[b.ID] = i
	}
	children := make([][]int, len(branches))
	var roots []int
	for i, b := range branches {
		if p, ok := index[b.Parent]; ok && p != i {
			children[p] = append(children[p], i)
		} else {
			roots = append(roots, i)
		}
	}
	listed := make([]bool, len(branches))
	var list func(i, depth int)
	list = func(i, depth int) {
		if listed[i] {
			return
		}
		listed[i] = true
		rows = append(rows, BranchRow{Branch: branches[i], Number: i + 1, Depth: depth})
		for _, child := range children[i] {
			list(child, depth+1)
		}
	}
	for _, i := range roots {
		list(i, 0)
	}
	for i := range branches {
		list(i, 0) // what is left are branches that are their own ancestors
	}
	return rows
}

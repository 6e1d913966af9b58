package view

import (
	"testing"

	"vitrine/visualizer/wire"
)

func TestBranchTree(t *testing.T) {
	type row struct {
		id            uint32
		number, depth int
	}
	for name, test := range map[string]struct {
		branches []wire.Branch
		want     []row
	}{
		"none": {},
		"a fork of a fork, and another of the first": {
			[]wire.Branch{{ID: 4, Parent: 4}, {ID: 5, Parent: 4}, {ID: 6, Parent: 5}, {ID: 7, Parent: 4}},
			[]row{{4, 1, 0}, {5, 2, 1}, {6, 3, 2}, {7, 4, 1}},
		},
		"a later branch below an earlier one": {
			[]wire.Branch{{ID: 1, Parent: 1}, {ID: 2, Parent: 1}, {ID: 3, Parent: 1}, {ID: 4, Parent: 2}},
			[]row{{1, 1, 0}, {2, 2, 1}, {4, 4, 2}, {3, 3, 1}},
		},
		"the parent is not there": {[]wire.Branch{{ID: 2, Parent: 9}}, []row{{2, 1, 0}}},
		"each other's parents":    {[]wire.Branch{{ID: 1, Parent: 2}, {ID: 2, Parent: 1}}, []row{{1, 1, 0}, {2, 2, 1}}},
		"the same number twice":   {[]wire.Branch{{ID: 1, Parent: 1}, {ID: 1, Parent: 1}}, []row{{1, 2, 0}, {1, 1, 1}}},
	} {
		got := BranchTree(test.branches)
		if len(got) != len(test.want) {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(test.want))
			continue
		}
		for i, w := range test.want {
			if g := (row{got[i].ID, got[i].Number, got[i].Depth}); g != w {
				t.Errorf("%s: row %d is %v, want %v", name, i, g, w)
			}
		}
	}
}

package view

// FillColumns is the number of columns with which count cells of whole pixels fill
// w×h pixels best, of those with which a cell is at most three times as long one
// way as the other; of equals the smaller. It is 0 if there is less than one
// pixel a cell.
func FillColumns(count, w, h int) int {
	best, covered := 0, 0
	for columns := 1; columns <= min(count, w); columns++ {
		rows := (count + columns - 1) / columns
		cellW, cellH := w/columns, 0
		if rows <= h {
			cellH = h / rows
		}
		if cellH == 0 || cellW > 3*cellH || cellH > 3*cellW {
			continue
		}
		if area := count * cellW * cellH; area > covered {
			best, covered = columns, area
		}
	}
	return best
}

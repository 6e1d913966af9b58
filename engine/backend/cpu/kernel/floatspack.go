package kernel

import "encoding/binary"

// Pack fills the tiles lo … hi-1 from the whole matrix, row after row. The rows of the
// last tile that the matrix lacks become zero.
func (p *Floats) Pack(rows []byte, lo, hi int) {
	rowBytes := p.Cols * p.Format.Bytes()
	var none []byte
	for t := lo; t < hi; t++ {
		var lines [Lanes][]byte
		for r := range lines {
			if at := (t*Lanes + r) * rowBytes; t*Lanes+r < p.Rows {
				lines[r] = rows[at:][:rowBytes:rowBytes]
				continue
			}
			if none == nil {
				none = make([]byte, rowBytes)
			}
			lines[r] = none
		}
		if p.Format == F32 {
			transpose32(p.tile(t), &lines, p.Cols)
		} else {
			transpose16(p.tile(t), &lines, p.Cols)
		}
	}
}

// A machine word holds some columns of a row, and some rows of a column: squares of
// numbers are transposed in words.

// transpose16 writes sixteen rows of numbers of 16 bits column after column.
func transpose16(tile []byte, rows *[Lanes][]byte, cols int) {
	const size, square = 2, 4
	const even, low = 0x0000ffff_0000ffff, 1<<32 - 1
	whole := cols / square * square
	for r := 0; r < Lanes; r += square {
		a, b, c, d := rows[r], rows[r+1], rows[r+2], rows[r+3]
		for col := 0; col < whole; col += square {
			a, b := binary.LittleEndian.Uint64(a[size*col:]), binary.LittleEndian.Uint64(b[size*col:])
			c, d := binary.LittleEndian.Uint64(c[size*col:]), binary.LittleEndian.Uint64(d[size*col:])
			// Columns 0 and 2, and 1 and 3, of the first two rows and of the others.
			ab02, ab13 := a&even|b&even<<16, a>>16&even|b&^even
			cd02, cd13 := c&even|d&even<<16, c>>16&even|d&^even
			to := tile[(col*Lanes+r)*size:][:(3*Lanes+square)*size]
			binary.LittleEndian.PutUint64(to, ab02&low|cd02<<32)
			binary.LittleEndian.PutUint64(to[Lanes*size:], ab13&low|cd13<<32)
			binary.LittleEndian.PutUint64(to[2*Lanes*size:], ab02>>32|cd02&^low)
			binary.LittleEndian.PutUint64(to[3*Lanes*size:], ab13>>32|cd13&^low)
		}
	}
	for col := whole; col < cols; col++ {
		for r, row := range rows {
			copy(tile[(col*Lanes+r)*size:][:size], row[col*size:])
		}
	}
}

// transpose32 is transpose16 for numbers of 32 bits.
func transpose32(tile []byte, rows *[Lanes][]byte, cols int) {
	const size, square = 4, 2
	const low = 1<<32 - 1
	whole := cols / square * square
	for r := 0; r < Lanes; r += square {
		a, b := rows[r], rows[r+1]
		for col := 0; col < whole; col += square {
			a, b := binary.LittleEndian.Uint64(a[size*col:]), binary.LittleEndian.Uint64(b[size*col:])
			to := tile[(col*Lanes+r)*size:][:(Lanes+square)*size]
			binary.LittleEndian.PutUint64(to, a&low|b<<32)
			binary.LittleEndian.PutUint64(to[Lanes*size:], a>>32|b&^low)
		}
	}
	for col := whole; col < cols; col++ {
		for r, row := range rows {
			copy(tile[(col*Lanes+r)*size:][:size], row[col*size:])
		}
	}
}

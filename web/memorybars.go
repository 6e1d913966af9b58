package web

// memoryBar is a bar of the KV blocks view's comparison.
type memoryBar struct {
	Name  string // as the client knows it
	Label string // message key
}

func memoryBars() []memoryBar {
	return []memoryBar{
		{"blocks", "blocks.bar_blocks"},
		{"contiguous", "blocks.bar_contiguous"},
		{"waste", "blocks.bar_waste"},
		{"pool", "blocks.bar_pool"},
	}
}

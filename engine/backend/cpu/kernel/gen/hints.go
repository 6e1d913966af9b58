package main

import . "github.com/mmcloughlin/avo/build"

// pause generates what a waiting loop does between two looks.
func pause() {
	TEXT("Pause", attrs, "func()")
	Doc("Pause tells the processor that a loop waits for another one's writing.")
	PAUSE()
	RET()
}

// prefetch generates what asks for memory that will be read soon.
func prefetch() {
	TEXT("prefetch", attrs, "func(p *byte, lines int)")
	Pragma("noescape")
	Doc("prefetch asks for lines cache lines from p on, into the second-level cache.")
	p, lines := param("p"), param("lines")
	loop("line", lines, func() {
		PREFETCHT1(at(p))
		ADDQ(imm(vectorBytes), p)
	})
	RET()
}

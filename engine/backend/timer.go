package backend

import "time"

// Timer is what a backend also is if it can say how long its operations take.
// Marks are enqueued between operations as if they were operations themselves,
// so that a device that runs a whole step at once need not wait at each of
// them; on a GPU a mark is an event in the stream. A backend whose operations
// are done when they return reads a clock.
//
// Nobody has to ask: without a call of Mark nothing is measured.
type Timer interface {
	// Mark enqueues a note of the time at which everything enqueued before it
	// is done.
	Mark()
	// Marks appends to dst the time of each Mark since the last call of Marks,
	// counted from the first of them, and forgets them. It is called after Sync.
	Marks(dst []time.Duration) []time.Duration
}

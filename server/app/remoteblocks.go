package app

import (
	"sync"

	"vitrine/server/remote"
	"vitrine/server/session"
	"vitrine/visualizer/wire"
)

// remoteBlocks gives each block of a remote prefix cache a place in the page's
// picture of the pool. The server names blocks by hashes only, so the place is
// ours: the lowest that is free. Who holds a block it does not tell.
type remoteBlocks struct {
	sessions *session.Server

	mu     sync.Mutex
	told   bool // an event has come
	total  int  // blocks of the server's pool, 0 if it does not say
	places map[string]uint32
	free   []uint32 // places that were given back, a stack
	next   uint32   // the first place that was never given
}

// maxRemoteBlocks bounds the blocks that are kept: as many as package session draws.
const maxRemoteBlocks = 1 << 20

func newRemoteBlocks(s *session.Server) *remoteBlocks {
	return &remoteBlocks{sessions: s, places: map[string]uint32{}}
}

// heard says whether the server has told of its blocks.
func (b *remoteBlocks) heard() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

// resize takes note of the size of the server's pool.
func (b *remoteBlocks) resize(total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if total == b.total || total == 0 {
		return
	}
	b.total = total
	if b.told {
		b.sessions.SetPool(total)
	}
}

// apply takes in what happened.
func (b *remoteBlocks) apply(e remote.KVEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Cleared {
		for _, place := range b.places {
			b.sessions.SetBlock(wire.BlockChange{Block: place})
		}
		clear(b.places)
		b.free, b.next = nil, 0
		return
	}
	if !b.told {
		b.told = true
		b.sessions.SetPool(b.total)
	}
	for _, hash := range e.Removed {
		if place, ok := b.places[hash]; ok {
			delete(b.places, hash)
			b.free = append(b.free, place)
			b.sessions.SetBlock(wire.BlockChange{Block: place})
		}
	}
	for _, hash := range e.Stored {
		if _, ok := b.places[hash]; ok || len(b.places) >= maxRemoteBlocks {
			continue
		}
		place := b.next
		if n := len(b.free); n > 0 {
			place, b.free = b.free[n-1], b.free[:n-1]
		} else {
			b.next++
		}
		b.places[hash] = place
		b.sessions.SetBlock(wire.BlockChange{Block: place, Filled: uint16(e.BlockSize), Hashed: true})
	}
}

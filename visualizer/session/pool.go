package session

import "vitrine/visualizer/wire"

// pool is the server's pool of KV blocks, as far as it was told.
type pool struct {
	started      bool // a snapshot has come on this connection
	needSnapshot bool
	seq          uint64
	total, used  uint32
	own          uint32
	blocks       map[uint32]*block // those that are not free and empty
	generation   uint64
	table        []wire.BlockChange // of own, by Index; nil if it has to be made anew
}

// block is one block's condition. Its generation changes when it may hold
// other keys and values than before.
type block struct {
	wire.BlockChange
	generation uint64
}

func newPool() pool { return pool{blocks: map[uint32]*block{}} }

// restart is for a new connection, whose numbers have nothing to do with the old one's.
func (p *pool) restart() { p.started, p.needSnapshot = false, false }

func (p *pool) apply(f *wire.Blocks) Change {
	switch {
	case f.Snapshot:
		p.blocks, p.started, p.needSnapshot = map[uint32]*block{}, true, false
	case !p.started || p.needSnapshot || f.Seq != p.seq+1:
		if p.needSnapshot {
			return 0
		}
		p.needSnapshot = true
		return ChangeBlocks
	}
	p.table = nil
	p.seq, p.total, p.used, p.own = f.Seq, f.Total, f.Used, f.Own
	for _, c := range f.Changes {
		if c == (wire.BlockChange{Block: c.Block}) {
			delete(p.blocks, c.Block)
			continue
		}
		b := p.blocks[c.Block]
		if b == nil || b.Owner != c.Owner || b.Index != c.Index || c.Filled < b.Filled {
			p.generation++
			b = &block{generation: p.generation}
			p.blocks[c.Block] = b
		}
		b.BlockChange = c
	}
	return ChangeBlocks
}

// Pool is the server's pool of KV blocks.
type Pool struct {
	Total int                // blocks in all; 0 until a snapshot has come
	Used  int                // blocks held by any request
	Own   uint32             // this session's request, as Owner names it
	Table []wire.BlockChange // this session's block table, by Index
}

// Pool is what is known of the pool.
func (s *Session) Pool() Pool {
	p := &s.pool
	if p.table == nil && p.own != 0 {
		p.table = p.ownTable()
	}
	return Pool{Total: int(p.total), Used: int(p.used), Own: p.own, Table: p.table}
}

// ownTable is the session's block table, by Index. Each block goes to its place at once: a
// sort would cost the browser's download more. A place of which nothing was told is left
// out.
func (p *pool) ownTable() []wire.BlockChange {
	var places []wire.BlockChange
	for _, b := range p.blocks {
		if b.Owner != p.own || b.Refs == 0 || b.Index >= p.total { // no table is longer than the pool
			continue
		}
		for len(places) <= int(b.Index) {
			places = append(places, wire.BlockChange{})
		}
		if at := &places[b.Index]; at.Refs == 0 || b.Block < at.Block {
			*at = b.BlockChange
		}
	}
	table := places[:0]
	for _, b := range places {
		if b.Refs > 0 {
			table = append(table, b)
		}
	}
	return table
}

// PoolBlock is the condition of one block of the pool; a block that was not
// told of is free and empty.
func (s *Session) PoolBlock(id int) wire.BlockChange {
	if b := s.pool.blocks[uint32(id)]; b != nil && id >= 0 {
		return b.BlockChange
	}
	return wire.BlockChange{Block: uint32(id)}
}

// NeedSnapshot says that a change of the pool was missed: [Session.Pool] stands
// still until the page subscribes anew, upon which the server sends a snapshot.
func (s *Session) NeedSnapshot() bool { return s.pool.needSnapshot }

// Memory compares, in bytes, what the session's keys and values take in blocks
// with what they would take otherwise.
type Memory struct {
	Blocks     uint64 // the blocks of its table
	Filled     uint64 // the written slots in them; the rest of Blocks is not yet used
	Contiguous uint64 // a contiguous reservation of the model's whole context
	PoolUsed   uint64 // blocks held by all requests
	PoolTotal  uint64 // the pool
}

// Memory is zero until the model and the pool are known.
func (s *Session) Memory() Memory {
	m, p := &s.hello.Model, s.Pool()
	slot := uint64(m.BytesPerSlot)
	blockBytes := uint64(m.BlockSize) * slot
	memory := Memory{
		Blocks:     uint64(len(p.Table)) * blockBytes,
		Contiguous: uint64(m.Context) * slot,
		PoolUsed:   uint64(p.Used) * blockBytes,
		PoolTotal:  uint64(p.Total) * blockBytes,
	}
	for _, b := range p.Table {
		memory.Filled += uint64(b.Filled) * slot
	}
	return memory
}

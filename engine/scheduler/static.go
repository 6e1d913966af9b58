package scheduler

// static computes the next columns of the batch, and forms one if none is
// there.
//
// The batch is a rectangle of State.Batch rows that end together: on the left of
// what a member still has to compute stands padding, as far as the longest
// member reaches, and a member that has left is padding all along. As many
// columns are computed as the token budget allows for all rows.
func (p *plan) static() {
	p.Decision.Batch = p.State.Batch
	if len(p.Running) == 0 {
		p.form()
		return
	}
	running := p.withoutDrafts(p.Running)
	longest := 0
	for _, q := range running {
		longest = max(longest, q.Tokens+q.Drafts-q.Computed)
	}
	rows := max(p.Decision.Batch, len(running))
	columns := min(longest, max(p.MaxTokens/rows, 1))
	for _, q := range running {
		if q.MaxChunk > 0 {
			columns = min(columns, q.MaxChunk)
		}
	}
	computed := 0
	for i := 0; i < len(running); i++ {
		q := running[i]
		count := columns - (longest - (q.Tokens + q.Drafts - q.Computed))
		if count <= 0 {
			continue
		}
		var fits bool
		if running, fits = p.makeRoom(running, i, count); !fits {
			break
		}
		p.share(q, count, max(count-(q.Tokens-q.Computed), 0))
		computed += count
	}
	if len(p.Shares) > 0 {
		p.Padding = rows*columns - computed
	}
}

// withoutDrafts drops the members' drafts if there are no blocks for all that is
// to be computed: nobody shall be preempted for a guess.
func (p *plan) withoutDrafts(running []Sequence) []Sequence {
	need := 0
	for _, q := range running {
		need += p.missing(q, q.Tokens+q.Drafts-q.Computed)
	}
	if need > p.FreeBlocks {
		for i := range running {
			running[i].Drafts = 0
		}
	}
	return running
}

// form admits the next batch, as many from the head of the queue as fit. They
// are computed from the next plan on.
func (p *plan) form() {
	for i, q := range p.Waiting {
		if len(p.Admitted) == min(p.MaxRunning, p.MaxTokens) || i >= p.queue {
			break
		}
		if !p.admit(i, len(p.Admitted) == 0) {
			break
		}
		p.promised += p.missing(q, p.rest(q))
	}
	p.Decision.Batch = len(p.Admitted)
}

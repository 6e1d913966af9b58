package wire

// Each fields method lists the fields of its struct in the order of their declaration.

func (f *HallConfig) fields(c *coder) {
	c.uint32("Blocks", &f.Blocks)
	c.uint16("BlockSize", &f.BlockSize)
	c.uint32("BatchTokens", &f.BatchTokens)
	c.uint16("Sequences", &f.Sequences)
	c.bool("PrefixCaching", &f.PrefixCaching)
	enum(c, "Policy", &f.Policy, HallOneByOne)
	enum(c, "Memory", &f.Memory, HallNoCache)
	c.uint16("Drafts", &f.Drafts)
}

// Kind implements [Frame].
func (*HallHello) Kind() Kind { return KindHallHello }

func (f *HallHello) fields(c *coder) {
	c.string("Version", &f.Version)
	c.uint32("You", &f.You)
	c.string("Secret", &f.Secret)
	enum(c, "Phase", &f.Phase, PhaseFailed)
	c.group("Model", f.Model.fields)
}

func (f *HallReader) fields(c *coder) {
	c.uint32("ID", &f.ID)
	c.string("Name", &f.Name)
	c.bool("Here", &f.Here)
}

// Kind implements [Frame].
func (*HallReaders) Kind() Kind { return KindHallReaders }

func (f *HallReaders) fields(c *coder) {
	list(c, "Readers", &f.Readers, func(c *coder, e *HallReader) { e.fields(c) })
}

func (f *HallBlock) fields(c *coder) {
	c.uint32("Block", &f.Block)
	c.uint16("Refs", &f.Refs)
	c.uint32("Owner", &f.Owner)
	c.uint32("Index", &f.Index)
	c.uint16("Filled", &f.Filled)
	c.bool("Hashed", &f.Hashed)
	c.uint64("Order", &f.Order)
}

func (f *HallRequest) fields(c *coder) {
	c.uint32("ID", &f.ID)
	c.uint32("First", &f.First)
	c.uint8("Index", &f.Index)
	c.uint8("Outputs", &f.Outputs)
	c.uint32("Reader", &f.Reader)
	enum(c, "Sort", &f.Sort, HallOwn)
	c.uint32("Prompt", &f.Prompt)
	c.uint32("MaxTokens", &f.MaxTokens)
	c.string("Title", &f.Title)
}

func (f *HallChange) fields(c *coder) {
	c.uint32("Request", &f.Request)
	enum(c, "State", &f.State, StateAborted)
	c.uint32("Tokens", &f.Tokens)
	c.uint32("Computed", &f.Computed)
	c.uint32("Cached", &f.Cached)
	c.uint16("Preempted", &f.Preempted)
	c.float32("FirstMs", &f.FirstMs)
	c.uint32s("Table", &f.Table)
}

func (f *HallPart) fields(c *coder) {
	c.uint32("Request", &f.Request)
	enum(c, "Phase", &f.Phase, HallRecompute)
	c.uint32("First", &f.First)
	c.uint32("Count", &f.Count)
	c.uint16("Drafted", &f.Drafted)
	c.uint16("Drawn", &f.Drawn)
}

func (f *HallEvent) fields(c *coder) {
	enum(c, "Kind", &f.Kind, HallForked)
	c.uint32("Request", &f.Request)
	c.uint32("Block", &f.Block)
	c.uint32("Other", &f.Other)
	c.uint32("Count", &f.Count)
}

func (f *HallMeters) fields(c *coder) {
	c.float32("Rate", &f.Rate)
	c.float32("FirstMs", &f.FirstMs)
	c.float32("BetweenMs", &f.BetweenMs)
	c.uint32("Held", &f.Held)
	c.uint32("Cached", &f.Cached)
	c.uint32("Slots", &f.Slots)
	c.uint32("Filled", &f.Filled)
	c.uint64("Lookups", &f.Lookups)
	c.uint64("Hits", &f.Hits)
	c.uint16("Running", &f.Running)
	c.uint16("Waiting", &f.Waiting)
	c.uint32("Batch", &f.Batch)
	c.uint64("Drawn", &f.Drawn)
	c.uint64("Preempted", &f.Preempted)
	c.uint64("Evicted", &f.Evicted)
	c.uint64("Copied", &f.Copied)
	c.uint64("Proposed", &f.Proposed)
	c.uint64("Drafted", &f.Drafted)
	c.uint64("Accepted", &f.Accepted)
	c.uint32("Finished", &f.Finished)
	c.uint16("PeakAtOnce", &f.PeakAtOnce)
}

// Kind implements [Frame].
func (*HallRecord) Kind() Kind { return KindHallRecord }

func (f *HallRecord) fields(c *coder) {
	c.uint64("Seq", &f.Seq)
	c.uint64("Step", &f.Step)
	c.uint64("At", &f.At)
	c.uint32("Micros", &f.Micros)
	list(c, "Parts", &f.Parts, func(c *coder, e *HallPart) { e.fields(c) })
	list(c, "Added", &f.Added, func(c *coder, e *HallRequest) { e.fields(c) })
	list(c, "Requests", &f.Requests, func(c *coder, e *HallChange) { e.fields(c) })
	list(c, "Blocks", &f.Blocks, func(c *coder, e *HallBlock) { e.fields(c) })
	list(c, "Events", &f.Events, func(c *coder, e *HallEvent) { e.fields(c) })
	c.group("Meters", f.Meters.fields)
}

// Kind implements [Frame].
func (*HallSnapshot) Kind() Kind { return KindHallSnapshot }

func (f *HallSnapshot) fields(c *coder) {
	c.uint32("Epoch", &f.Epoch)
	c.group("Config", f.Config.fields)
	c.uint64("Next", &f.Next)
	list(c, "Added", &f.Added, func(c *coder, e *HallRequest) { e.fields(c) })
	list(c, "Requests", &f.Requests, func(c *coder, e *HallChange) { e.fields(c) })
	list(c, "Blocks", &f.Blocks, func(c *coder, e *HallBlock) { e.fields(c) })
	list(c, "Records", &f.Records, func(c *coder, e *HallRecord) { e.fields(c) })
}

// Kind implements [Frame].
func (*HallText) Kind() Kind { return KindHallText }

func (f *HallText) fields(c *coder) {
	c.uint32("Request", &f.Request)
	c.uint32("From", &f.From)
	c.byteSlices("Pieces", &f.Pieces)
}

// Kind implements [Frame].
func (*HallState) Kind() Kind { return KindHallState }

func (f *HallState) fields(c *coder) {
	c.bool("Paused", &f.Paused)
	c.uint32("By", &f.By)
	c.bool("Arriving", &f.Arriving)
	c.float32("Rate", &f.Rate)
	enum(c, "Sort", &f.Sort, HallOwn)
	c.uint8("Outputs", &f.Outputs)
}

func (f *HallPoint) fields(c *coder) {
	c.float32("X", &f.X)
	c.float32("Y", &f.Y)
}

func (f *HallRun) fields(c *coder) {
	c.group("Config", f.Config.fields)
	c.bool("Done", &f.Done)
	c.uint64("Micros", &f.Micros)
	c.uint32("Drawn", &f.Drawn)
	c.uint64("Computed", &f.Computed)
	c.uint32("Finished", &f.Finished)
	c.float32("AtOnce", &f.AtOnce)
	c.uint16("Peak", &f.Peak)
	c.float32("Waste", &f.Waste)
	c.float32("FirstMs", &f.FirstMs)
	c.float32("BetweenMs", &f.BetweenMs)
	c.uint32("Preempted", &f.Preempted)
	c.uint64("Hits", &f.Hits)
	c.uint64("Lookups", &f.Lookups)
	c.uint32("Steps", &f.Steps)
	c.uint64("Drafted", &f.Drafted)
	c.uint64("Accepted", &f.Accepted)
	list(c, "Curve", &f.Curve, func(c *coder, e *HallPoint) { e.fields(c) })
}

// Kind implements [Frame].
func (*HallRace) Kind() Kind { return KindHallRace }

func (f *HallRace) fields(c *coder) {
	enum(c, "Race", &f.Race, HallRaceLookup)
	c.bool("Running", &f.Running)
	c.uint16("Requests", &f.Requests)
	c.bool("Disturbed", &f.Disturbed)
	c.bool("Same", &f.Same)
	list(c, "Runs", &f.Runs, func(c *coder, e *HallRun) { e.fields(c) })
	c.string("Problem", &f.Problem)
}

// Kind implements [Command].
func (*HallJoin) Kind() Kind { return KindHallJoin }

func (f *HallJoin) fields(c *coder) {
	c.string("Secret", &f.Secret)
	c.string("Name", &f.Name)
	c.string("Locale", &f.Locale)
	c.bool("Known", &f.Known)
}

// Kind implements [Command].
func (*HallAdd) Kind() Kind { return KindHallAdd }

func (f *HallAdd) fields(c *coder) {
	c.uint8("Count", &f.Count)
	enum(c, "Sort", &f.Sort, HallOwn)
	c.string("Text", &f.Text)
	c.uint16("MaxTokens", &f.MaxTokens)
	c.uint8("Outputs", &f.Outputs)
}

// Kind implements [Command].
func (*HallArrivals) Kind() Kind { return KindHallArrivals }

func (f *HallArrivals) fields(c *coder) {
	c.bool("On", &f.On)
	c.float32("Rate", &f.Rate)
	enum(c, "Sort", &f.Sort, HallOwn)
	c.uint8("Outputs", &f.Outputs)
}

// Kind implements [Command].
func (*HallCancel) Kind() Kind { return KindHallCancel }

func (f *HallCancel) fields(c *coder) {
	c.uint32("Request", &f.Request)
}

// Kind implements [Command].
func (*HallControl) Kind() Kind { return KindHallControl }

func (f *HallControl) fields(c *coder) {
	enum(c, "Op", &f.Op, HallStep)
}

// Kind implements [Command].
func (*HallConfigure) Kind() Kind { return KindHallConfigure }

func (f *HallConfigure) fields(c *coder) {
	c.group("Config", f.Config.fields)
}

// Kind implements [Command].
func (*HallWatch) Kind() Kind { return KindHallWatch }

func (f *HallWatch) fields(c *coder) {
	c.uint32("Request", &f.Request)
}

// Kind implements [Command].
func (*HallStartRace) Kind() Kind { return KindHallStartRace }

func (f *HallStartRace) fields(c *coder) {
	enum(c, "Race", &f.Race, HallRaceLookup)
}

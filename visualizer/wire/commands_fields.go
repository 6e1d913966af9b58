package wire

// Kind implements [Command].
func (*Open) Kind() Kind { return KindOpen }

func (m *Open) fields(c *coder) {
	c.string("Session", &m.Session)
	c.string("Locale", &m.Locale)
}

func (p *Params) fields(c *coder) {
	c.float32("Temperature", &p.Temperature)
	c.float32("TopP", &p.TopP)
	c.float32("MinP", &p.MinP)
	c.int32("TopK", &p.TopK)
	c.float32("PresencePenalty", &p.PresencePenalty)
	c.float32("FrequencyPenalty", &p.FrequencyPenalty)
	c.float32("RepetitionPenalty", &p.RepetitionPenalty)
	c.uint64("Seed", &p.Seed)
	c.bool("HasSeed", &p.HasSeed)
	c.uint32("MaxTokens", &p.MaxTokens)
	c.uint32("MinTokens", &p.MinTokens)
	c.bool("IgnoreEOS", &p.IgnoreEOS)
	enum(c, "Order", &p.Order, OrderLlamaCPP)
	c.strings("Stop", &p.Stop)
	list(c, "LogitBias", &p.LogitBias, func(c *coder, b *Bias) { b.fields(c) })
}

func (b *Bias) fields(c *coder) {
	c.int32("Token", &b.Token)
	c.float32("Bias", &b.Bias)
}

// Kind implements [Command].
func (*Chat) Kind() Kind { return KindChat }

func (m *Chat) fields(c *coder) {
	c.string("Text", &m.Text)
	c.string("System", &m.System)
	c.group("Params", m.Params.fields)
	c.bool("Paused", &m.Paused)
}

// Kind implements [Command].
func (*Complete) Kind() Kind { return KindComplete }

func (m *Complete) fields(c *coder) {
	c.string("Text", &m.Text)
	c.group("Params", m.Params.fields)
	c.bool("Paused", &m.Paused)
}

// Kind implements [Command].
func (*Restore) Kind() Kind { return KindRestore }

func (m *Restore) fields(c *coder) {
	c.uint32("Active", &m.Active)
	list(c, "Branches", &m.Branches, func(c *coder, b *RestoredBranch) { b.fields(c) })
	c.group("Params", m.Params.fields)
}

func (b *RestoredBranch) fields(c *coder) {
	c.uint32("ID", &b.ID)
	c.uint32("Parent", &b.Parent)
	c.uint32("Fork", &b.Fork)
	c.uint32("Shared", &b.Shared)
	list(c, "Tokens", &b.Tokens, func(c *coder, t *RestoredToken) { t.fields(c) })
	list(c, "Messages", &b.Messages, func(c *coder, r *RestoredMessage) { r.fields(c) })
}

func (t *RestoredToken) fields(c *coder) {
	c.int32("ID", &t.ID)
	t.Flags.fields(c)
}

func (r *RestoredMessage) fields(c *coder) {
	enum(c, "Role", &r.Role, RoleAssistant)
	c.string("Text", &r.Text)
	c.uint32("First", &r.First)
}

// Kind implements [Command].
func (*SetParams) Kind() Kind { return KindSetParams }

func (m *SetParams) fields(c *coder) { c.group("Params", m.Params.fields) }

// Kind implements [Command].
func (*Control) Kind() Kind { return KindControl }

func (m *Control) fields(c *coder) {
	enum(c, "Op", &m.Op, OpNew)
	c.uint32("Count", &m.Count)
	c.uint32("Position", &m.Position)
	c.int32("Token", &m.Token)
	c.uint32("Branch", &m.Branch)
}

// Kind implements [Command].
func (*Subscribe) Kind() Kind { return KindSubscribe }

func (m *Subscribe) fields(c *coder) {
	v := uint32(m.Views)
	c.uint32("Views", &v)
	if c.ok() && Views(v)&^allViews != 0 {
		c.fail("Views", 4, "bits of "+utoa(uint32(allViews))+" only, not "+utoa(v))
	}
	if c.reading {
		m.Views = Views(v)
	}
}

// Kind implements [Command].
func (*Query) Kind() Kind { return KindQuery }

func (m *Query) fields(c *coder) {
	c.uint32("ID", &m.ID)
	enum(c, "What", &m.What, QueryAttention)
	c.uint32("Position", &m.Position)
	c.uint16("Layer", &m.Layer)
	c.uint16("Head", &m.Head)
	c.uint32("Key", &m.Key)
	c.int32("Token", &m.Token)
	c.uint32("Block", &m.Block)
	c.int32s("Tokens", &m.Tokens)
	c.string("Text", &m.Text)
}

// Kind implements [Command].
func (*Ping) Kind() Kind { return KindPing }

func (m *Ping) fields(c *coder) { c.uint32("Number", &m.Number) }

// Kind implements [Command].
func (*Retry) Kind() Kind { return KindRetry }

func (*Retry) fields(*coder) {}

// Kind implements [Command].
func (*Pace) Kind() Kind { return KindPace }

func (m *Pace) fields(c *coder) { c.uint16("Millis", &m.Millis) }

package structured

// Forgotten is how often a constraint forgot what it had found out.
func (c *Constraint) Forgotten() uint32 { return c.machine.gen - 1 }

// Held is the number of bytes that it remembers something with, and the bound.
func (c *Constraint) Held() (held, bound int) { return c.machine.held, maxStates }

// Work is the number of instructions that the last call took.
func (c *Constraint) Work() int { return c.machine.work }

// Allowed bounds the instructions that all clones of a matcher take in calls.
func Allowed(calls int) int { return maxSaved + calls*refill }

// Starve takes what a matcher may take beyond one refill.
func (m *Matcher) Starve() { m.allowance.left = 0 }

// PlainDiffer reports whether it is remembered that plain bytes lead to
// different places.
func (m *Matcher) PlainDiffer() bool { return m.state.plain == m.m.dead }

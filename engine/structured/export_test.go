package structured

// Forgotten is how often a constraint forgot what it had found out.
func (c *Constraint) Forgotten() uint32 { return c.machine.gen - 1 }

// Held is the number of bytes that it remembers something with, and the bound.
func (c *Constraint) Held() (held, bound int) { return c.machine.held, maxStates }

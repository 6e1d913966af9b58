package wire

// Remote says that the engine runs elsewhere, on a server of somebody else's,
// and how that stands. It comes behind [Hello] and then again whenever it has
// changed. The [Model] of a remote engine has its Name, its Context if that is
// known, and its BlockSize and Blocks if those are; it has no layers, for the
// server does not show them. What the server does not tell of itself is NaN.
// Hits, TTFT and ITL are means of what happened lately, −1 as long as there was
// nothing to take one of.
//
// A token's ID is −1 where the server does not tell it. Without IDs the other
// ones count the texts of tokens that this session has met, and mean nothing to
// the model.
type Remote struct {
	Address     string  // "http://host:8000"
	Server      string  // "vLLM 0.32.0"; empty if it does not say
	Detail      string  // in English: why it cannot be asked; empty while it answers
	IDs         bool    // tokens come with their ids of the model's vocabulary
	Blocks      bool    // [Blocks] tells of its prefix cache: a place in it is no place in the server's memory, and Refs are not known
	Running     float32 // requests in its batch
	Waiting     float32 // requests in its queue
	KVUsage     float32 // share of its KV cache that is held, 0 to 1
	Hits        float32 // share of the prompt tokens that its prefix cache had, 0 to 1
	Preemptions float32 // since it started
	TTFT        float32 // mean time to the first token, seconds
	ITL         float32 // mean time between two tokens, seconds
}

// Kind implements [Frame].
func (*Remote) Kind() Kind { return KindRemote }

func (f *Remote) fields(c *coder) {
	c.string("Address", &f.Address)
	c.string("Server", &f.Server)
	c.string("Detail", &f.Detail)
	c.bool("IDs", &f.IDs)
	c.bool("Blocks", &f.Blocks)
	c.float32("Running", &f.Running)
	c.float32("Waiting", &f.Waiting)
	c.float32("KVUsage", &f.KVUsage)
	c.float32("Hits", &f.Hits)
	c.float32("Preemptions", &f.Preemptions)
	c.float32("TTFT", &f.TTFT)
	c.float32("ITL", &f.ITL)
}

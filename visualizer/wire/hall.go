package wire

import "slices"

// The hall is the page /serving, where many requests of many readers share one
// engine and everyone sees the same. It has a socket and a program of its own, so
// its messages are decoded on their own too: by [DecodeHallFrame] and
// [DecodeHallCommand]. The format is that of all messages.
//
// What happens in the hall is told as records with consecutive numbers.
// Whoever joins gets a [HallSnapshot], the hall at some moment with the records
// since, and from then on each [HallRecord] as it is made; so every page can show
// every moment that the server still remembers.

// HallPolicy is how requests are scheduled, under the names of package engine.
type HallPolicy uint8

// The policies.
const (
	HallContinuous HallPolicy = iota // continuous batching, first come first served
	HallStatic                       // a batch runs until its last request ends
	HallOneByOne                     // one request at a time
)

// HallMemory is how the keys and values are kept.
type HallMemory uint8

// The kinds of memory.
const (
	HallPaged      HallMemory = iota // blocks, as a sequence grows
	HallContiguous                   // room for the longest answer reserved from the start
	HallNoCache                      // none: everything is computed again for every token
)

// HallConfig is how an engine of the hall is set up.
type HallConfig struct {
	Blocks        uint32 // in the pool
	BlockSize     uint16 // tokens a block
	BatchTokens   uint32 // most tokens a step
	Sequences     uint16 // most requests a step
	PrefixCaching bool
	Policy        HallPolicy
	Memory        HallMemory
	Drafts        uint16 // most tokens that prompt lookup guesses a step and output; 0 for no speculation
}

// HallSort is what kind of requests are added.
type HallSort uint8

// The sorts of requests.
const (
	HallShort  HallSort = iota // a short question, a short answer
	HallLong                   // a long text, a long answer
	HallMixed                  // some of each
	HallShared                 // the same long system prompt and a question each
	HallOwn                    // the reader's own text
)

// HallHello answers [HallJoin].
type HallHello struct {
	Version string
	You     uint32 // the reader's number
	Secret  string // names the reader when the page joins again
	Phase   Phase  // how far the server is on its way to a model
	Model   Model  // zero unless Phase is PhaseReady
}

// Why a server closes the hall's connection at once: codes of a WebSocket's close, out of
// those that RFC 6455, section 7.4.2, leaves to programs.
const (
	CloseHallFull      = 4001 // as many pages are connected as it lets in
	CloseHallElsewhere = 4002 // another server runs the model, and there is no hall
)

// HallReader is someone who has joined.
type HallReader struct {
	ID   uint32
	Name string // as the reader typed it, may be empty
	Here bool   // a page of the reader is connected
}

// HallReaders lists everyone who has joined.
type HallReaders struct{ Readers []HallReader }

// HallBlock is a block of the pool at some moment.
type HallBlock struct {
	Block  uint32
	Refs   uint16 // outputs that hold it
	Owner  uint32 // the output that has held it longest; of a free one, the last that did, 0 for none
	Index  uint32 // its place in the block tables of those who hold it
	Filled uint16 // slots whose keys and values are written
	Hashed bool   // it is registered in the prefix cache
	// Order is 0 for a block that is held. Free blocks are handed out by
	// ascending order.
	Order uint64
}

// HallRequest is what does not change of one output of a request. Everything that
// is told of requests is told of their outputs, each under a number of its own.
type HallRequest struct {
	ID        uint32
	First     uint32 // the number of the request's first output: ID itself, unless it was forked off from that
	Index     uint8  // which of the outputs it is, from 0
	Outputs   uint8  // that the request has in the end
	Reader    uint32 // who added it
	Sort      HallSort
	Prompt    uint32 // tokens of the prompt
	MaxTokens uint32 // of the answer
	Title     string // how the prompt begins, or what tells it from its like
}

// HallChange is a request's condition after a change.
type HallChange struct {
	Request   uint32
	State     RunState
	Tokens    uint32   // of prompt and answer
	Computed  uint32   // whose keys and values are in the cache
	Cached    uint32   // of the prompt, that were found in the prefix cache when it was last admitted
	Preempted uint16   // how often it lost its blocks
	FirstMs   float32  // time to first token, in milliseconds, 0 before it
	Table     []uint32 // its block table
}

// HallPhase is what a step does for a request.
type HallPhase uint8

// The phases.
const (
	HallPrefill   HallPhase = iota // tokens that were given
	HallDecode                     // the token that was drawn last
	HallRecompute                  // what a preempted request had before
)

// HallPart is a request's share of a step.
type HallPart struct {
	Request uint32
	Phase   HallPhase
	First   uint32 // position of the first token computed
	Count   uint32 // tokens computed, drafts included; 0 for an output that was forked off in this step
	Drafted uint16 // tokens that were guessed and verified
	Drawn   uint16 // tokens drawn: more than 1 if guesses were right
}

// HallEventKind says what happened to a block or a request.
type HallEventKind uint8

// The kinds of events.
const (
	HallEvicted   HallEventKind = iota // Block, which held what Other had computed, was taken from the head of the free queue for the request
	HallCopied                         // copy-on-write: the request shared block Other and writes to its copy, Block
	HallHit                            // Count blocks of the prefix cache were found for the request
	HallPreempted                      // the request lost its blocks
	HallForked                         // the request was forked off from Other and holds its Count blocks too
)

// HallEvent is something that happened.
type HallEvent struct {
	Kind    HallEventKind
	Request uint32
	Block   uint32
	Other   uint32
	Count   uint32
}

// HallMeters are the hall's figures after a record.
type HallMeters struct {
	Rate       float32 // tokens drawn a second, over the last seconds
	FirstMs    float32 // time to first token: the median of the latest requests, in milliseconds; 0 before there is one
	BetweenMs  float32 // inter-token latency: the median of the latest steps' waits, in milliseconds; 0 before there is one
	Held       uint32  // blocks that requests hold
	Cached     uint32  // free blocks with something in the prefix cache
	Slots      uint32  // slots of the held blocks
	Filled     uint32  // of these, how many are written
	Lookups    uint64  // tokens of prompts that were looked up in the prefix cache so far
	Hits       uint64  // of these, how many were found
	Running    uint16  // outputs that the last step computed tokens of
	Waiting    uint16  // outputs in the queue
	Batch      uint32  // tokens of the last step
	Drawn      uint64  // tokens drawn so far
	Preempted  uint64  // preemptions so far
	Evicted    uint64  // blocks of the prefix cache that were taken for other tokens so far
	Copied     uint64  // copies on write so far
	Proposed   uint64  // times that a step verified guesses of an output, so far
	Drafted    uint64  // tokens guessed so far
	Accepted   uint64  // of these, how many were what the sampler drew
	Finished   uint32  // outputs that have ended
	PeakAtOnce uint16  // most outputs in a step so far
}

// HallRecord is what happened in one step of the engine, or between two of them.
type HallRecord struct {
	Seq      uint64 // consecutive
	Step     uint64 // the engine's number of the step, 0 if nothing was computed
	At       uint64 // microseconds since the hall was set up
	Micros   uint32 // that the step took
	Parts    []HallPart
	Added    []HallRequest
	Requests []HallChange
	Blocks   []HallBlock
	Events   []HallEvent
	Meters   HallMeters
}

// HallSnapshot is the hall at some moment, and what has happened since. A page
// forgets everything that it held before.
type HallSnapshot struct {
	Epoch    uint32 // how often the hall was set up anew
	Config   HallConfig
	Next     uint64 // the number of the first record after the moment
	Added    []HallRequest
	Requests []HallChange
	Blocks   []HallBlock
	Records  []HallRecord
}

// HallText is what the tokens of the watched output stand for, from position From on.
type HallText struct {
	Request uint32
	From    uint32
	Pieces  [][]byte // a token each; not whole characters everywhere
}

// HallState says how the hall is being run.
type HallState struct {
	Paused   bool
	By       uint32 // the reader who paused it; 0 while it runs
	Arriving bool   // requests arrive by themselves
	Rate     float32
	Sort     HallSort // of those that arrive
	Outputs  uint8    // of each of those
}

// HallRaceKind is what is compared with what.
type HallRaceKind uint8

// The races.
const (
	HallRaceNone   HallRaceKind = iota
	HallRaceMemory              // paged, contiguous
	HallRaceBatch               // continuous, static, one by one
	HallRacePrefix              // prefix cache on, off
	HallRaceKV                  // KV cache, none
	HallRaceLookup              // speculation by prompt lookup, none
)

// HallPoint is a point of a curve.
type HallPoint struct{ X, Y float32 }

// HallRun is one side of a race.
type HallRun struct {
	Config    HallConfig
	Done      bool
	Micros    uint64  // from the first request to the last token, or so far
	Drawn     uint32  // tokens
	Computed  uint64  // tokens through the model, prompts and repetitions included
	Finished  uint32  // requests
	AtOnce    float32 // requests a step, the mean over the steps
	Peak      uint16  // most requests in a step
	Waste     float32 // of the slots of held blocks, the share that holds nothing, the mean over the steps
	FirstMs   float32 // time to first token, the median
	BetweenMs float32 // inter-token latency, the median
	Preempted uint32
	Hits      uint64 // tokens of prompts found in the prefix cache
	Lookups   uint64 // tokens of prompts looked up
	Steps     uint32 // of the scheduler
	Drafted   uint64 // tokens guessed
	Accepted  uint64 // of these, how many were what the sampler drew
	// Curve is drawn tokens over milliseconds; in the race of the KV cache,
	// milliseconds of a step over the length of the sequence.
	Curve []HallPoint
}

// HallRace is the latest race. A page replaces what it held.
type HallRace struct {
	Race      HallRaceKind
	Running   bool
	Requests  uint16 // that each side answers
	Disturbed bool   // the model also worked for others meanwhile
	Same      bool   // all sides are through, and gave the same tokens
	Runs      []HallRun
	Problem   string // why it did not come to an end, as [Tell] writes it
}

// HallJoin is the first command on every connection; it may come again.
type HallJoin struct {
	Secret string // of the reader who comes back, or empty
	Name   string
	Locale string // BCP 47, for the titles of requests
	// Known is set by a page that has joined already, and has another name or language:
	// it is not told anew how the hall stands.
	Known bool
}

// HallAdd adds requests.
type HallAdd struct {
	Count     uint8
	Sort      HallSort
	Text      string // for HallOwn
	MaxTokens uint16 // of each answer for HallOwn; 0 means as many as the sort has
	Outputs   uint8  // answers to each, vLLM's SamplingParams.n; 0 means 1
}

// HallArrivals lets requests arrive by themselves, with exponential times
// between them (a Poisson process).
type HallArrivals struct {
	On      bool
	Rate    float32 // requests a second
	Sort    HallSort
	Outputs uint8 // answers to each; 0 means 1
}

// HallCancel ends the request that an output belongs to, all outputs of it, or
// with number 0 all requests of the reader's own.
type HallCancel struct{ Request uint32 }

// HallOp steers the hall's engine.
type HallOp uint8

// The operations.
const (
	HallPause HallOp = iota
	HallResume
	HallStep // one step of the scheduler
)

// HallControl steers the hall's engine.
type HallControl struct{ Op HallOp }

// HallConfigure sets the hall up anew: every request ends.
type HallConfigure struct{ Config HallConfig }

// HallWatch asks for the text of a request's tokens, now and as they are drawn;
// 0 for none.
type HallWatch struct{ Request uint32 }

// HallStartRace begins a race, or with HallRaceNone ends the one that runs.
type HallStartRace struct{ Race HallRaceKind }

// Copy is a race that shares nothing with r.
func (r *HallRace) Copy() HallRace {
	c := *r
	c.Runs = slices.Clone(r.Runs)
	for i := range c.Runs {
		c.Runs[i].Curve = slices.Clone(c.Runs[i].Curve)
	}
	return c
}

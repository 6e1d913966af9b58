package wire

// A Command is one message from the page to the server: a pointer to one of
// the types below. Nothing outside this package implements it.
type Command interface {
	// Kind is the command's number on the wire.
	Kind() Kind
	fields(*coder)
}

// Open is the first command on every connection.
type Open struct {
	Session string // the session to resume, or empty
	Locale  string // "en" or "zh", the language that the page is opened in
}

// Params are the sampling parameters of a request, under the names, ranges and
// defaults of vLLM's SamplingParams.
type Params struct {
	Temperature       float32 // under 1e-5 greedy
	TopP              float32 // (0, 1]; 1 is off
	MinP              float32 // [0, 1]; 0 is off
	TopK              int32   // 0 and -1 are off
	PresencePenalty   float32 // [-2, 2]; 0 is off
	FrequencyPenalty  float32 // [-2, 2]; 0 is off
	RepetitionPenalty float32 // above 0; 1 is off
	Seed              uint64  // used if HasSeed; otherwise the server chooses one and tells it in [State]
	HasSeed           bool
	MaxTokens         uint32 // tokens to draw at most
	MinTokens         uint32 // tokens before an end token or stop string counts
	IgnoreEOS         bool
	Order             uint8    // order of the stages: [OrderVLLM], [OrderHuggingFace] or [OrderLlamaCPP]
	Stop              []string // texts that end the answer
	LogitBias         []Bias
}

// Orders in which the sampler's stages can run; vLLM's is the default, the
// others are there to be compared with.
const (
	OrderVLLM        uint8 = iota // penalties, temperature, min-p, top-k, top-p
	OrderHuggingFace              // repetition penalty, temperature, top-k, top-p
	OrderLlamaCPP                 // penalties, top-k, top-p, min-p, temperature
)

// Bias is added to one token's logit.
type Bias struct {
	Token int32
	Bias  float32 // clamped to [-100, 100]
}

// Chat adds a user's message to the conversation and asks for an answer.
type Chat struct {
	Text   string
	System string // replaces the template's own system message when the chat is new; empty leaves it
	Params Params
	Paused bool // stop before the first drawn token
}

// Complete asks for the continuation of a text without a chat template. It
// starts the session's sequence anew.
type Complete struct {
	Text   string
	Params Params
	Paused bool
}

// Restore gives a server that has lost the session (it was restarted) the
// conversation back, with the tree of its branches: the tokens of the active one
// are prefilled as they are, those of another when it is turned to.
type Restore struct {
	Active   uint32           // ID of the branch that goes on
	Branches []RestoredBranch // in the order in which they were made
	Params   Params
}

// RestoredBranch is a line of a restored conversation. With another branch it
// often has most of its tokens in common, so they are told once.
type RestoredBranch struct {
	ID       uint32 // as the page has it from [Branches]; no two are the same
	Parent   uint32 // a branch before it in the list, or itself
	Fork     uint32 // see [Branch]
	Shared   uint32 // so many tokens at its beginning are the parent's
	Tokens   []RestoredToken
	Messages []RestoredMessage // all of them
}

// RestoredToken is a position of a restored sequence.
type RestoredToken struct {
	ID    int32
	Flags TokenFlag
}

// RestoredMessage is a message of a restored chat.
type RestoredMessage struct {
	Role  Role
	Text  string
	First uint32 // position of the message's first token
}

// SetParams changes the parameters of what is drawn from now on.
type SetParams struct{ Params Params }

// Op is what a [Control] does.
type Op uint8

// Operations on the session's request.
const (
	OpPause  Op = iota // stop before the next step
	OpResume           // run on; a finished request continues if it can
	OpStep             // Count tokens, then pause
	OpRewind           // keep positions 0 … Position-1, drop the rest, pause
	OpBranch           // as rewind, then Token at Position, on a new branch
	OpSwitch           // make the branch Branch the active one
	OpAbort            // end the answer here
	OpNew              // a new conversation; the old one's blocks are freed
)

// Control steers the session's request.
type Control struct {
	Op       Op
	Count    uint32 // for OpStep: tokens to draw
	Position uint32 // for OpRewind and OpBranch: the first position to drop
	Token    int32  // for OpBranch: the token to put there
	Branch   uint32 // for OpSwitch: its ID
}

// Views that cost the engine work while they are watched; see [Subscribe].
type Views uint32

// What can be subscribed to.
const (
	ViewAttention Views = 1 << iota // AttentionRows of every step
	ViewLogits                      // Logits of every drawn token, latest wins
	ViewBlocks                      // Blocks
	ViewTiming                      // Timing of every step, latest wins

	allViews = ViewAttention | ViewLogits | ViewBlocks | ViewTiming
)

// Subscribe replaces the set of watched views.
type Subscribe struct{ Views Views }

// QueryKind is what a [Query] asks for.
type QueryKind uint8

// The questions and the frames that answer them.
const (
	QueryMerges     QueryKind = iota // Text → Merges
	QueryVector                      // Position, Layer → Vector
	QueryNeighbours                  // Token → Neighbours
	QueryProjection                  // all positions → Projection
	QueryHead                        // Layer, Head → HeadMatrix
	QueryCell                        // Layer, Head, Position, Key → Cell
	QueryFlow                        // Position, Layer → Flow
	QueryLens                        // Position → Lens
	QueryLogits                      // Position → Logits
	QueryBlock                       // Block, Layer, Head (a KV head) → BlockHeat
	QueryPieces                      // Tokens → Pieces
	QuerySource                      // Text (the function's name) → Source
	QueryAttention                   // From = Position → AttentionRows of Position and after, see [MaxRowsAnswer]
)

// MaxRowsAnswer is the number of weights from which on an answer to
// [QueryAttention] ends: with the row that reaches it, if not with the last of
// the sequence before. What is missing behind it is asked for anew.
const MaxRowsAnswer = 16 << 20

// Query asks a question about the active branch. The answer carries its ID,
// except that [Logits] and [AttentionRows] are told by their positions. What
// [QueryKind] does not name beside the question stays zero.
type Query struct {
	ID       uint32 // chosen by the page, not 0
	What     QueryKind
	Position uint32
	Layer    uint16
	Head     uint16
	Key      uint32
	Token    int32
	Block    uint32
	Tokens   []int32
	Text     string
}

// Ping asks for a [Pong].
type Ping struct{ Number uint32 }

// Retry asks the server to try once more to come to a model, after [PhaseFailed]. A
// download goes on where it stopped.
type Retry struct{}

// Pace asks for at least so much time between two messages, for this
// connection. What comes about in between arrives together, in a [Bundle], and
// attention and logits with one message at most of two. That an answer has ended is
// told at once, with all that waits. A connection that does not ask gets each frame at once.
type Pace struct{ Millis uint16 } // at most [MaxPace]

// MaxPace is the slowest [Pace], in milliseconds.
const MaxPace = 1000

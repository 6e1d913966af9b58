package wire

// A Command is one message from the page to the server.
type Command interface {
	Kind() Kind
	encode(*encoder)
	decode(*decoder)
}

// Open is the first command on every connection.
type Open struct {
	Session string // the session to resume, or empty
	Locale  string // "en" or "zh", the language of plain-word errors
}

// Params are the sampling parameters of a request, under the names of vLLM's SamplingParams.
type Params struct {
	Temperature       float32
	TopP              float32
	MinP              float32
	TopK              int32
	PresencePenalty   float32
	FrequencyPenalty  float32
	RepetitionPenalty float32
	Seed              uint64
	HasSeed           bool
	MaxTokens         uint32
	MinTokens         uint32
	IgnoreEOS         bool
	Order             uint8 // 0 vLLM, 1 Hugging Face, 2 llama.cpp
	Stop              []string
	LogitBias         []Bias
}

// Bias is added to one token's logit.
type Bias struct {
	Token int32
	Bias  float32
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
// conversation back: tokens are prefilled as they are.
type Restore struct {
	Tokens   []RestoredToken
	Messages []RestoredMessage
	Params   Params
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
	First uint32
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
	Count    uint32
	Position uint32
	Token    int32
	Branch   uint32
}

// Views that cost the engine work while they are watched; see [Subscribe].
type Views uint32

// What can be subscribed to.
const (
	ViewAttention Views = 1 << iota // AttentionRows of every step
	ViewLogits                      // Logits of every drawn token, latest wins
	ViewBlocks                      // Blocks
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
	QueryAttention                   // From = Position → AttentionRows of Position and after
)

// Query asks a question about the active branch; the answer carries its ID.
type Query struct {
	ID       uint32
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

package wire

// A Frame is one message from the server to the page: a pointer to one of the
// types below. Nothing outside this package implements it.
type Frame interface {
	// Kind is the frame's number on the wire.
	Kind() Kind
	fields(*coder)
}

// Model describes the loaded model: the numbers that the page's formulas use.
type Model struct {
	Name         string // registry name or file name, "smollm2-135m-instruct"
	Title        string // as people write it, "SmolLM2-135M-Instruct"
	Architecture string // GGUF's general.architecture, "llama"
	Quantization string // the most frequent weight format, "Q4_1"
	Licence      string // SPDX identifier or name; empty if the file does not say
	Backend      string // "ref", "cpu", …
	Threads      uint16
	Layers       uint16
	Width        uint32 // model width, d_model
	Heads        uint16 // query heads a layer
	KVHeads      uint16 // key and value heads a layer; Heads/KVHeads query heads share one
	HeadDim      uint16
	FFN          uint32 // width of the feed-forward layer
	Vocab        uint32
	Context      uint32  // longest sequence in tokens
	RopeTheta    float32 // base of the rotary embedding
	NormEps      float32 // epsilon of the RMS norms
	BlockSize    uint16  // tokens a KV block
	Blocks       uint32  // KV blocks in the pool
	BytesPerSlot uint32  // bytes that one token's keys and values take over all layers
	EOS          []int32 // ids that end a generation
	HasTemplate  bool    // the model brings a chat template
	Parameters   uint64  // weights in all
}

// Phase says how far the server is on its way to a model.
type Phase uint8

// The phases in their usual order.
const (
	PhaseNoModel     Phase = iota // no model yet and none on its way
	PhaseDownloading              // Received of Total bytes are here
	PhaseLoading                  // the file is here and is being read
	PhaseReady                    // requests are answered
	PhaseFailed                   // Detail says why in plain words
)

// Hello is the first frame on every connection, and is sent again when the
// model has become ready or was exchanged.
type Hello struct {
	Session string // names the session; sent back in [Open] to resume it
	Resumed bool   // the server still had the session that Open named
	Version string // version of the server
	Phase   Phase
	Model   Model // zero until Phase is PhaseReady
}

// Status reports the way to a model while it changes.
type Status struct {
	Phase    Phase
	Name     string  // the model that is meant
	Received uint64  // bytes here so far
	Total    uint64  // bytes in all, 0 if unknown
	Rate     float32 // bytes a second, over the last seconds
	Source   string  // where it comes from, in words; see [Told] for their language
	Detail   string  // for PhaseFailed: what happened and what would help; see [Told] for its language
}

// TokenFlag marks what is special about a token of the sequence.
type TokenFlag uint8

// Flags of a token; several may be set.
const (
	FlagSpecial TokenFlag = 1 << iota // a control token such as <|im_start|>
	FlagDrawn                         // drawn by the sampler; not set: given by the prompt
	FlagForced                        // chosen by the person at the page instead of the drawn one
	FlagByte                          // stands for a part of a character

	allTokenFlags = FlagSpecial | FlagDrawn | FlagForced | FlagByte
)

// Token is one position of the sequence.
type Token struct {
	ID      int32
	Flags   TokenFlag
	Bytes   []byte  // what the token stands for; may be part of a character
	LogProb float32 // natural logarithm of the raw probability before any stage; NaN if not computed
	Prob    float32 // probability in the final distribution it was drawn from; NaN if not drawn
	Draw    float32 // the uniform number in [0, 1) that drew it; NaN if not drawn
	Kept    uint32  // candidates left when it was drawn
	Micros  uint32  // time of the step that computed it, microseconds; 0 for prompt tokens
}

// Tokens sets the sequence from position From on: everything the page held at
// From and after it is dropped, then Tokens follow. A prompt, a drawn token, a
// rewind (no tokens) and a change of branch are all this frame. Positions
// count from 0 within the branch. Positions before From are those that the
// page already has, so From is at most their number.
type Tokens struct {
	Branch uint32 // the active branch from now on
	From   uint32
	Tokens []Token
}

// Role of a chat message.
type Role uint8

// The roles of the chat templates.
const (
	RoleSystem Role = iota
	RoleUser
	RoleAssistant
)

// Message sets or extends one message of the chat. Messages with a larger
// Index than one that is set (not appended to) are dropped. Index is at most
// the number of messages so far.
type Message struct {
	Index  uint16 // counts from 0, the system's message included if there is one
	Role   Role
	Append bool   // Text is added to what is there; otherwise it replaces it
	Text   string // whole characters only
	First  uint32 // position of the message's first token, once known
}

// RunState is the state of the session's request.
type RunState uint8

// States; the finished ones carry vLLM's reasons.
const (
	StateIdle         RunState = iota // nothing asked yet
	StateWaiting                      // in the queue, nothing computed yet
	StatePrefill                      // the prompt is being computed
	StateRunning                      // tokens are being drawn
	StatePaused                       // stopped before a step by the person at the page
	StatePreempted                    // its blocks were taken; it will be recomputed
	StateStopped                      // FINISHED_STOPPED: an end token or a stop string
	StateLengthCapped                 // FINISHED_LENGTH_CAPPED: max_tokens or the context is full
	StateAborted                      // FINISHED_ABORTED
)

// State reports the request's state and the parameters it runs under.
type State struct {
	State  RunState
	Branch uint32 // the active branch
	Params Params // as the sampler uses them, after its normalization
	Seed   uint64 // the seed in use, also when none was asked for
	Prompt uint32 // tokens of the prompt in the sequence so far
}

// Step reports one step of the engine that moved this session's request.
type Step struct {
	Number         uint64  // steps of the engine since it started
	Position       uint32  // the last position that the step computed
	Computed       uint16  // tokens of this request computed in the step: 1 when decoding
	Batch          uint16  // tokens of all requests in the step
	Requests       uint16  // requests in the step
	Micros         uint32  // its time in microseconds
	TokensPerSec   float32 // this request's rate over its decode steps of the last two seconds, at least over the last two; 0 before the second
	VisualsDropped uint64  // visual events that were dropped because this page was slow
}

// AttentionRows holds the attention weights of the query positions
// From … From+Rows-1, all layers and heads. A weight a in [0, 1] travels as
// round(255·√a), see [QuantizeWeight]; (u/255)² gives it back within 0.004.
//
// The frame says nothing of which tokens stand at its positions. So that rows
// of dropped tokens are not taken for those of new ones, a sender sends rows
// after the [Tokens] frame that holds their positions and discards what it
// still has queued when the sequence is cut.
type AttentionRows struct {
	Branch uint32
	From   uint32
	Rows   uint16
	Layers uint16
	Heads  uint16  // query heads a layer
	Values []uint8 // by row, layer, head, key; row r has From+r+1 keys; see Row
}

// Logits are the raw logits that the token at Position was (or would be) drawn
// from: those of the model after position Position-1.
type Logits struct {
	Branch   uint32
	Position uint32
	Vocab    uint32
	// IDs names the tokens of Values, by descending logit; empty means all of
	// the vocabulary in order. Only recordings cut.
	IDs []int32
	// Rest is log Σ exp(logit) over the tokens that are not in IDs; −Inf if there are none.
	Rest   float32
	Values []float32 // Vocab of them, or one an ID
}

// BlockChange is one block's new condition.
type BlockChange struct {
	Block  uint32 // the physical block's number
	Refs   uint16 // sequences that hold it; 0 means free
	Owner  uint32 // request that holds it, Own for every block in this session's table; 0 if none or not this session's to know
	Index  uint32 // its place in the owner's block table
	Filled uint16 // slots written
	Hashed bool   // its hash is registered in the prefix cache
}

// Blocks tells how the pool of KV blocks changed. A block that was never told
// of is free and empty.
type Blocks struct {
	Seq      uint64 // counts up by one a frame of the pool; a gap asks for a snapshot
	Snapshot bool   // Changes holds every block that is not free and empty
	Total    uint32 // blocks in the pool; Block of every change is less
	Used     uint32 // blocks held
	Own      uint32 // the request number of this session in Owner
	Changes  []BlockChange
}

// Branch is one line of the conversation's tree.
type Branch struct {
	ID     uint32
	Parent uint32 // the branch it left; its own ID for the first
	Fork   uint32 // the first position that differs from Parent
	Length uint32 // tokens
	Text   string // the beginning of what follows the fork
}

// Branches lists the tree whenever it changes.
type Branches struct {
	Active   uint32 // the ID of the branch that Tokens speaks of
	Branches []Branch
}

// Merge is one step of a tokenizer: symbols Left and Left+1 became one.
type Merge struct {
	Left    uint16
	Rank    int32    // rank in the merge list (BPE), -1 if the tokenizer has scores
	Score   float32  // score (SentencePiece); 0 if it has ranks
	Symbols [][]byte // the word after the step; the merged symbol is Symbols[Left]
}

// Word is one pre-token of a text and how it became tokens.
type Word struct {
	Start, End uint32   // byte range in the text
	Initial    [][]byte // the symbols before the first merge
	Merges     []Merge  // in the order in which they were done
	IDs        []int32  // the resulting tokens
	Pieces     [][]byte // what they stand for, one an ID
}

// Merges answers [QueryMerges].
type Merges struct {
	Query     uint32
	Text      string // as it was asked for
	Algorithm string // "byte-level BPE", "SentencePiece BPE", …
	Words     []Word
	// Cut is set when the text was long and only the first words are told.
	Cut bool
}

// Vector answers [QueryVector]: the residual stream at Position after Layer
// layers; 0 is the embedding, and the last (Layer == [Model].Layers) is taken
// after the final norm.
type Vector struct {
	Query    uint32
	Branch   uint32
	Position uint32
	Layer    uint16
	Values   []float32 // [Model].Width of them
}

// Neighbour is a token near another one.
type Neighbour struct {
	ID     int32
	Bytes  []byte
	Cosine float32 // cosine of the angle between the two embeddings, in [-1, 1]
}

// Neighbours answers [QueryNeighbours]: tokens by cosine of their embeddings.
type Neighbours struct {
	Query  uint32
	Token  int32
	Tokens []Neighbour // nearest first
}

// Projection answers [QueryProjection]: the residual stream of positions
// 0 … Count-1 projected to two dimensions by PCA, a basis a layer, each turned
// to lie nearest to the one before it. Before that each vector is divided by
// its root mean square, Norm/√Width: a few vectors are hundreds of times
// longer than the others and would decide the axes alone.
type Projection struct {
	Query     uint32
	Branch    uint32
	Count     uint32
	Layers    uint16    // layers+1 sets follow
	Explained []float32 // one a layer: the share of the variance that the two axes show
	XY        []float32 // by layer, position, (x, y); see Layer
	Norms     []float32 // by layer, position: the Euclidean norm of the vector as the model has it
}

// HeadMatrix answers [QueryHead]: one head's exact weights over positions
// 0 … Count-1.
type HeadMatrix struct {
	Query  uint32
	Branch uint32
	Layer  uint16
	Head   uint16
	Count  uint32
	Values []float32 // by query, key; row q has q+1 keys; see Row
}

// Cell answers [QueryCell]: one attention weight with all its operands.
type Cell struct {
	Query    uint32
	Branch   uint32
	Layer    uint16
	Head     uint16
	KVHead   uint16    // the key head that query head Head uses
	Position uint32    // the query's position
	Key      uint32    // the key's position, at most Position
	Q        []float32 // after RoPE, [Model].HeadDim values
	K        []float32 // after RoPE, as many
	Dot      float32   // q·k
	Scale    float32   // 1/√d
	Score    float32   // Dot·Scale
	Max      float32   // the row's largest score
	Sum      float32   // Σ exp(score−Max) over the keys up to Position
	Weight   float32   // exp(Score−Max)/Sum
}

// Stage is one operation of a layer with its result for one position.
type Stage struct {
	Name   string    // "attn_norm", "q", "k", "v", "q_rope", "k_rope", "scores", "probs", "attn_out", "o_proj", "resid_mid", "ffn_norm", "gate", "up", "silu_mul", "down", "resid_out"
	Shape  []uint32  // [heads, keys] for scores and probs, [heads, head dim] or [width] for the others
	Norm   float32   // Euclidean norm of all values
	Values []float32 // row-major; never more than Shape's product, fewer if the server cut a long stage
	Func   string    // the Go function that computed it, "engine/backend/cpu.(*Backend).RMSNorm"
}

// Flow answers [QueryFlow]: what happened to one position in one layer.
type Flow struct {
	Query    uint32
	Branch   uint32
	Position uint32
	Layer    uint16
	Input    []float32 // the residual stream on entry
	Stages   []Stage
}

// Candidate is a token with a probability.
type Candidate struct {
	ID    int32
	Bytes []byte  // what it stands for
	Prob  float32 // softmax of the logits at temperature 1
	Logit float32
}

// Lens answers [QueryLens]: the final norm and the vocabulary projection
// applied to the residual stream after every layer (nostalgebraist 2020).
type Lens struct {
	Query    uint32
	Branch   uint32
	Position uint32
	Layers   [][]Candidate // 0 … layers, each the likeliest first
}

// BlockHeat answers [QueryBlock]: the keys and values of one block, one layer
// and KV head; slot-major, Filled slots of HeadDim values.
type BlockHeat struct {
	Query  uint32
	Block  uint32
	Layer  uint16
	KVHead uint16
	Filled uint16 // slots written
	Dim    uint16 // values a slot, [Model].HeadDim
	K, V   []float32
}

// Pieces answers [QueryPieces]: what token ids stand for.
type Pieces struct {
	Query   uint32
	IDs     []int32
	Bytes   [][]byte // one an ID
	Special []bool   // one an ID: a control token
}

// Source answers [QuerySource]: the text of a Go function of the engine.
type Source struct {
	Query uint32
	Func  string // as it was asked for
	File  string // path within the module
	Line  uint32 // of the function's first line, from 1
	Text  string
}

// Problem says that something asked for did not happen. It never ends the session.
type Problem struct {
	Query  uint32 // the query or 0 for a command
	Code   string // "bad_field", "too_long", "no_model", "busy", "not_yours", "gone", "remote", "bad_frame", "internal"
	Field  string // the offending field, if one
	Detail string // in sentences: what was wrong and what would be right; see [Told] for its language
}

// Pong answers [Ping] with its number.
type Pong struct{ Number uint32 }

// Operation is one operation of a step, as far as it is timed on its own.
type Operation uint8

// The operations in their order, under the names of package engine/model. Those
// from OperationAttnNorm to OperationResidOut run once in every layer.
const (
	OperationEmbed          Operation = iota // rows of the embedding matrix
	OperationAttnNorm                        // RMS norm before attention
	OperationQKV                             // query, key and value projections
	OperationQKNorm                          // RMS norm of each head's query and key
	OperationRoPE                            // queries and keys turned by their positions
	OperationStoreKV                         // keys and values written to the cache
	OperationAttention                       // scores, softmax, and the weighted sum of the values
	OperationOProj                           // output projection
	OperationAttnPostNorm                    // RMS norm of it
	OperationResidMid                        // sum with the residual stream
	OperationFFNNorm                         // RMS norm before the feed-forward network
	OperationGateUp                          // gate and up projections
	OperationActivation                      // the gate's activation, times up
	OperationDown                            // down projection
	OperationFFNPostNorm                     // RMS norm of it
	OperationResidOut                        // sum with the residual stream
	OperationFinalNorm                       // RMS norm after the last layer
	OperationUnembed                         // vocabulary projection
	OperationEmbedAllReduce                  // the ranks' embeddings added up, where a model is divided
	OperationAttnAllReduce                   // their output projections added up
	OperationFFNAllReduce                    // their down projections added up
	OperationGatedUnit                       // OperationGateUp and OperationActivation in one

	NumOperations // how many there are
)

// InLayer says whether every layer has such an operation.
func (o Operation) InLayer() bool {
	return o >= OperationAttnNorm && o <= OperationResidOut || o >= OperationAttnAllReduce && o <= OperationGatedUnit
}

// OperationTime is how long an operation outside the layers took.
type OperationTime struct {
	Op     Operation
	Micros float32 // microseconds
}

// Timing tells where the time of one step of the engine went, that of all
// requests in it. Times are measured only while someone watches [ViewTiming],
// and are in microseconds.
type Timing struct {
	Number   uint64          // of the step, as in [Step]
	Position uint32          // the last position of this request that the step computed
	Computed uint16          // tokens of this request computed in the step
	Batch    uint16          // tokens of all requests in the step
	Requests uint16          // requests in the step
	Step     float32         // the whole step; what its operations leave of it passes before, between and after them
	Draw     float32         // the sampler, for all requests, after the step and not part of it
	Outer    []OperationTime // operations outside the layers
	Layers   uint16
	Inner    []Operation // operations of a layer, in their order
	Micros   []float32   // by layer, operation of Inner; see Layer
}

// Machine tells what a speed is measured against. It comes when the server has found a
// quiet moment to measure the memory, and again when a quieter one shows that it is
// faster.
type Machine struct {
	StepBytes      uint64 // bytes of weights that one step reads, whatever its batch
	BytesPerSecond uint64 // how fast Threads threads together read memory
	Bytes          uint64 // size of the buffer that was read for it
	Threads        uint16
}

// KVRead tells how many bytes of keys and values a step that draws a token reads beside
// [Machine].StepBytes. It comes after Machine, and again when it is another by a hundredth
// of those.
type KVRead struct {
	Bytes uint64 // of all requests in the step
}

// Aside tells a page that comes back of a branch that does not go on, so that the page
// can give it back in a [Restore]. It comes after the [Branches] that list the branch, and
// changes nothing of what is shown.
type Aside struct {
	Branch   uint32
	Tokens   []Token           // all of them
	Messages []RestoredMessage // all of them
}

// Bundle holds frames that were sent together: to a page that asked for a
// [Pace], whatever came about since the last message. They are read one after
// the other by [DecodeFrame], or [DecodeHallFrame]; none of them is a Bundle.
type Bundle struct{ Frames [][]byte }

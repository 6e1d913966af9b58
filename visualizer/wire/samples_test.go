package wire

import "math"

// sampleParams has every field set, so that none can be forgotten unnoticed.
func sampleParams() Params {
	return Params{
		Temperature: 0.8, TopP: 0.95, MinP: 0.05, TopK: 40,
		PresencePenalty: 0.5, FrequencyPenalty: -0.25, RepetitionPenalty: 1.1,
		Seed: 1<<63 + 42, HasSeed: true, MaxTokens: 256, MinTokens: 2, IgnoreEOS: true,
		Order: OrderLlamaCPP, Stop: []string{"\n\n", "结束"},
		LogitBias: []Bias{{Token: 2, Bias: -100}, {Token: 49151, Bias: 0.5}},
	}
}

// sampleFrames is one frame of every kind, each field set.
func sampleFrames() []Frame {
	return []Frame{
		&Hello{Session: "s-7f", Resumed: true, Version: "0.1.0", Phase: PhaseReady, Model: Model{
			Name: "smollm2-135m-instruct", Title: "SmolLM2-135M-Instruct", Architecture: "llama",
			Quantization: "Q4_1", Licence: "Apache-2.0", Backend: "cpu", Threads: 2, Layers: 30, Width: 576,
			Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49152, Context: 8192, RopeTheta: 100000,
			NormEps: 1e-5, BlockSize: 16, Blocks: 2048, BytesPerSlot: 23040, EOS: []int32{2, 0},
			HasTemplate: true, Parameters: 134515008,
		}},
		&Status{Phase: PhaseDownloading, Name: "smollm2-135m-instruct", Received: 1 << 33, Total: 1<<33 + 5,
			Rate: 1.5e6, Source: "hub", Detail: "磁盘已满"},
		&Tokens{Branch: 3, From: 7, Tokens: []Token{
			{ID: 1, Flags: FlagSpecial, Bytes: []byte("<|im_start|>"), LogProb: -0.5},
			{ID: 180, Flags: FlagDrawn | FlagForced | FlagByte, Bytes: []byte{0xE4}, LogProb: -2.25, Prob: 0.125,
				Draw: 0.75, Kept: 40, Micros: 31250},
		}},
		&Message{Index: 2, Role: RoleAssistant, Append: true, Text: "Gravity 引力", First: 31},
		&State{State: StateAborted, Branch: 3, Params: sampleParams(), Seed: 99, Prompt: 31},
		&Step{Number: 1 << 40, Position: 511, Computed: 1, Batch: 17, Requests: 4, Micros: 30500,
			TokensPerSec: 32.5, VisualsDropped: 6},
		// Two layers, one head, positions 1 and 2: rows of 2 and 3 keys.
		&AttentionRows{Branch: 3, From: 1, Rows: 2, Layers: 2, Heads: 1,
			Values: []uint8{255, 0, 180, 181, 1, 2, 3, 147, 147, 148}},
		&Logits{Branch: 3, Position: 8, Vocab: 49152, IDs: []int32{22007, 504}, Rest: -1.5, Values: []float32{29.6621, 26.62}},
		&Blocks{Seq: 1 << 35, Snapshot: true, Total: 2048, Used: 5, Own: 12, Changes: []BlockChange{
			{Block: 2047, Refs: 2, Owner: 12, Index: 1, Filled: 16, Hashed: true}, {Block: 4},
		}},
		&Branches{Active: 3, Branches: []Branch{{ID: 1, Parent: 1, Fork: 0, Length: 40, Text: "The force"},
			{ID: 3, Parent: 1, Fork: 33, Length: 36, Text: "是"}}},
		&Merges{Query: 4, Text: "2 the 引", Algorithm: "byte-level BPE", Cut: true, Words: []Word{{
			Start: 2, End: 5, Initial: [][]byte{[]byte("t"), []byte("h"), []byte("e")},
			Merges: []Merge{
				{Left: 0, Rank: 12, Symbols: [][]byte{[]byte("th"), []byte("e")}},
				{Left: 0, Rank: -1, Score: -3.5, Symbols: [][]byte{[]byte("the")}},
			},
			IDs: []int32{1195}, Pieces: [][]byte{[]byte("the")},
		}}},
		&Vector{Query: 5, Branch: 3, Position: 9, Layer: 30, Values: []float32{0.25, -1e-20, float32(math.Inf(1))}},
		&Neighbours{Query: 6, Token: 9354, Tokens: []Neighbour{{ID: 9354, Bytes: []byte(" gravity"), Cosine: 1},
			{ID: 17, Bytes: []byte("gravity"), Cosine: 0.61}}},
		&Projection{Query: 7, Branch: 3, Count: 2, Layers: 1, Explained: []float32{0.9, 0.4}, XY: []float32{1, 2, 3, 4, 5, 6, 7, -8}, Norms: []float32{0.5, 9, 10, 11}},
		&HeadMatrix{Query: 8, Branch: 3, Layer: 11, Head: 4, Count: 2, Values: []float32{1, 0.75, 0.25}},
		&Cell{Query: 9, Branch: 3, Layer: 11, Head: 4, KVHead: 1, Position: 33, Key: 32, Q: []float32{1, 2}, K: []float32{3, -4},
			Dot: -5, Scale: 0.125, Score: -0.625, Max: 2, Sum: 1.5, Weight: 0.048},
		&Flow{Query: 10, Branch: 3, Position: 33, Layer: 29, Input: []float32{0.5, -0.5}, Stages: []Stage{
			{Name: "probs", Shape: []uint32{2, 1}, Norm: 1.25, Values: []float32{1, 0.75}, Func: "engine/backend/cpu.(*Backend).Attention"},
			{Name: "resid_out", Shape: []uint32{2}, Norm: 3, Values: []float32{1, 2}, Func: "engine/backend/cpu.(*Backend).Add"}}},
		&Lens{Query: 11, Branch: 3, Position: 33, Layers: [][]Candidate{
			{{ID: 5, Bytes: []byte("Gra"), Prob: 0.5, Logit: 12}, {ID: 6, Bytes: []byte{0xE5, 0xBC}, Prob: 0.25, Logit: 11}}, nil}},
		&BlockHeat{Query: 12, Block: 3, Layer: 29, KVHead: 2, Filled: 1, Dim: 2, K: []float32{1, 2}, V: []float32{3, 4}},
		&Pieces{Query: 13, IDs: []int32{1, 180}, Bytes: [][]byte{[]byte("<|im_start|>"), {0xE4}}, Special: []bool{true, false}},
		&Source{Query: 14, Func: "engine/backend/ref.RMSNorm", File: "engine/backend/ref/ref.go", Line: 41, Text: "func RMSNorm() {\n}\n"},
		&Problem{Query: 15, Code: "too_long", Field: "Text", Detail: "the prompt has 9000 tokens, the context 8192"},
		&Pong{Number: 1 << 31},
		&Timing{Number: 1 << 40, Position: 511, Computed: 1, Batch: 17, Requests: 4, Step: 6310.5, Draw: 220.25,
			Outer: []OperationTime{{Op: OperationFinalNorm, Micros: 2}, {Op: OperationUnembed, Micros: 1400}}, Layers: 2, Inner: []Operation{OperationQKV, OperationDown}, Micros: []float32{12.5, 40, 12, 41}},
		&Machine{StepBytes: 98_000_000, BytesPerSecond: 33_000_000_000, Bytes: 256 << 20, Threads: 2},
		&Bundle{Frames: [][]byte{AppendFrame(nil, &Pong{Number: 1}), AppendFrame(nil, &Message{Index: 2, Role: RoleAssistant, Append: true, Text: "引力"})}},
		&Remote{Address: "http://127.0.0.1:8000", Server: "vLLM 0.32.0", Detail: "连不上", IDs: true, Blocks: true, Running: 3, Waiting: 1,
			KVUsage: 0.25, Hits: 0.5, Preemptions: 2, TTFT: 0.125, ITL: 0.03},
		&KVRead{Bytes: 23_040_000},
		&Aside{Branch: 4, Tokens: []Token{{ID: 9, Bytes: []byte("光"), LogProb: -1.5, Prob: 0.25, Draw: 0.5, Kept: 40, Micros: 900, Flags: FlagDrawn}},
			Messages: []RestoredMessage{{Role: RoleAssistant, Text: "光", First: 3}}},
	}
}

// sampleCommands is one command of every kind, each field set.
func sampleCommands() []Command {
	return []Command{
		&Open{Session: "s-7f", Locale: "zh"},
		&Chat{Text: "什么是引力？", System: "Be brief.", Params: sampleParams(), Paused: true},
		&Complete{Text: "Once upon a time", Params: sampleParams(), Paused: true},
		&SetParams{Params: sampleParams()},
		&Control{Op: OpNew, Count: 5, Position: 33, Token: -1, Branch: 2},
		&Subscribe{Views: ViewAttention | ViewBlocks | ViewTiming},
		&Query{ID: 77, What: QueryAttention, Position: 33, Layer: 11, Head: 4, Key: 5, Token: 9354, Block: 3,
			Tokens: []int32{1, 2}, Text: "engine/backend/ref.RMSNorm"},
		&Ping{Number: 7},
		&Pace{Millis: 50},
		&Restore{Active: 7, Branches: []RestoredBranch{
			{ID: 2, Parent: 2, Tokens: []RestoredToken{{ID: 1, Flags: FlagSpecial}, {ID: 9354, Flags: FlagDrawn}},
				Messages: []RestoredMessage{{Role: RoleUser, Text: "What is gravity?", First: 4}, {Role: RoleAssistant, Text: "引力", First: 9}}},
			{ID: 7, Parent: 2, Fork: 1, Shared: 1, Tokens: []RestoredToken{{ID: 5, Flags: FlagForced}}},
		}, Params: sampleParams()},
		&Retry{},
	}
}

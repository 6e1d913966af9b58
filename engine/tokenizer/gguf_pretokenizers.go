package tokenizer

// ggufPreTokenizer is what a name in tokenizer.ggml.pre stands for. GGUF holds the
// name only; the rest is taken from the tokenizer.json of the models that use it.
type ggufPreTokenizer struct {
	patterns   []string // each cuts the words of the one before; matches and gaps are words
	nfc        bool     // text is normalized to NFC first
	wholeWords bool     // a word that is a piece is not merged (ignore_merges)
	beginsBy   bool     // a text begins with bos where tokenizer.ggml.add_bos_token is missing
}

const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	tekkenPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	deepSeekPattern = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

var (
	gpt2Split   = ggufPreTokenizer{patterns: []string{gpt2Pattern}}
	llama3Split = ggufPreTokenizer{patterns: []string{llama3Pattern}, wholeWords: true, beginsBy: true}
)

var ggufPreTokenizers = map[string]ggufPreTokenizer{
	// What llama.cpp does for files that name no pre-tokenizer.
	"default": {patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, gpt2Pattern, `\p{N}+`, `[0-9][0-9][0-9]`}},
	"gpt-2":   gpt2Split,
	"gpt2":    gpt2Split,
	// The model's own tokenizer.json cuts off digits first, as llama.cpp does.
	// transformers, the reference for GGUF here, takes GPT-2's expression alone;
	// the two differ in the spaces before a number and around fractions like ½.
	"smollm":      gpt2Split,
	"llama-bpe":   llama3Split,
	"llama3":      llama3Split,
	"llama-v3":    llama3Split,
	"qwen2":       {patterns: []string{qwen2Pattern}, nfc: true},
	"tekken":      {patterns: []string{tekkenPattern}, wholeWords: true, beginsBy: true},
	"deepseek-v3": {patterns: []string{`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, deepSeekPattern}},
}

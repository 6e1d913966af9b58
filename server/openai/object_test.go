package openai

import "testing"

// What encoding/json would quietly replace is told apart from what it would not.
func TestIsText(t *testing.T) {
	for raw, want := range map[string]bool{
		`"the"`: true, `"你好 \u4f60 \ud83d\ude00 \uD83D\uDE00"`: true, `"\\ud800"`: true, `"\ufffd"`: true, `[1,{"a":"\"\u0041"}]`: true,
		"\"\xff\xfe\"": false, `"\ud800"`: false, `"\ud800x"`: false, `"\ud800\u0041"`: false, `"\udc00\ud800"`: false, `"\\\ud800"`: false, "\"\xed\xa0\x80\"": false,
	} {
		if got := isText([]byte(raw)); got != want {
			t.Errorf("%q is text: %v, want %v", raw, got, want)
		}
	}
}

package wire

import "testing"

func TestTold(t *testing.T) {
	both := Tell("The disk is full.", "磁盘满了。")
	sent, err := DecodeFrame(AppendFrame(nil, &Problem{Code: "internal", Detail: both}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, lang, want string }{
		{sent.(*Problem).Detail, "en", "The disk is full."},
		{sent.(*Problem).Detail, "zh", "磁盘满了。"},
		{"SmolLM2", "zh", "SmolLM2"},
		{"", "en", ""},
	} {
		if got := Told(c.text, c.lang); got != c.want {
			t.Errorf("%q in %s is %q, want %q", c.text, c.lang, got, c.want)
		}
	}
}

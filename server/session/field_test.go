package session

import (
	"strings"
	"testing"

	"vitrine/engine/sampler"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// A problem with a field names it in the words of the page, and in the wire's for the program.
func TestFieldsAreSaidInWords(t *testing.T) {
	for _, c := range []struct {
		err           error
		field, en, zh string
	}{
		{telling.Wrong("text", "told.empty"), "text", "The server did not take the message: it is empty.", "服务器不接受“消息”："},
		{telling.Wrong("Op", "told.no_conversation"), "Op", "The server did not take the command: there is no conversation yet", "服务器不接受“操作”："},
		{telling.Wrong("Tokens[3].ID", "told.range", "N", -1, "Most", 9), "Tokens[3].ID", "The server did not take the tokens: it is -1", "服务器不接受“词元”："},
		{&sampler.ParamError{Field: "top_p", Got: "7", Want: "more than 0 and at most 1"}, "top_p", "The server did not take top-p: it is 7", "服务器不接受“top-p”："},
		{&sampler.ParamError{Field: "temperature", Got: "-1", Want: "a finite number, at least 0"}, "temperature", "The server did not take temperature", "服务器不接受“温度”："},
		{telling.Wrong("newfangled", "told.empty"), "newfangled", "The server did not take newfangled", "服务器不接受“其中一项”："},
	} {
		p, _ := problemOf(c.err)
		if p.Field != c.field {
			t.Errorf("the field is %q, want %q", p.Field, c.field)
		}
		if en := wire.Told(p.Detail, "en"); !strings.HasPrefix(en, c.en) {
			t.Errorf("it says %q, want %q", en, c.en)
		}
		if zh := wire.Told(p.Detail, "zh"); !strings.HasPrefix(zh, c.zh) {
			t.Errorf("it says %q, want %q", zh, c.zh)
		}
	}
}

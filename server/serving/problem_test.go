package serving

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/server/socket"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// latinSentence is a run of words in Latin letters: names of fields and messages
// stand alone or in twos.
var latinSentence = regexp.MustCompile(`[A-Za-z']{2,}( [A-Za-z']+){2,}`)

// checkLanguages holds that a text is said in both languages, each of its own.
func checkLanguages(t testing.TB, told string) {
	t.Helper()
	en, zh := wire.Told(told, "en"), wire.Told(told, "zh")
	if found := latinSentence.FindString(zh); found != "" || !regexp.MustCompile(`\p{Han}`).MatchString(zh) || regexp.MustCompile(`“[A-Za-z_]+”`).MatchString(zh) {
		t.Errorf("in Chinese it says %q", zh)
	}
	if strings.ContainsAny(en, "。，") || !latinSentence.MatchString(en) && en != "it was ended" {
		t.Errorf("in English it says %q", en)
	}
	for _, said := range []string{en, zh} {
		if strings.Contains(said, "<no value>") || strings.Contains(said, "told.") || strings.Contains(said, "problem.") || strings.Contains(said, "{{") {
			t.Errorf("it has a gap: %q", said)
		}
	}
}

// Every problem of the hall is said in both languages; [TestRefusals] provokes those
// that a page can.
func TestEveryProblemIsSaidInBothLanguages(t *testing.T) {
	codes := map[string]bool{}
	for _, c := range []struct {
		code string
		err  error
		part string // of the Chinese
	}{
		{telling.CodeBadField, outside("blocks", 2, 4, 4096), "收到的是 2，应为 4 到 4096"},
		{telling.CodeBadField, telling.Wrong("blocks", "told.slots", "N", 40000, "Most", 32768), "40000"},
		{telling.CodeBadField, noRoom(&load.MemoryError{Blocks: 4096, BlockSize: 8, Memory: "8.0 GiB", Most: 1000}), "8.0 GiB"},
		{telling.CodeBadField, noRoom(errors.New("there is no room")), "日志"},
		{telling.CodeBadField, &engine.RequestError{Field: "n", Reason: "is 0, want 1 or more"}, "引擎"},
		{telling.CodeBadFrame, &wire.Error{Field: "Count", Want: "1 byte, 0 are left"}, "Count"},
		{telling.CodeBadFrame, telling.Refuse(telling.CodeBadFrame, "told.not_joined", "Kind", wire.KindPing), "HallJoin"},
		{telling.CodeNoModel, telling.Refuse(telling.CodeNoModel, "told.no_engine"), "模型还没到"},
		{codeNotYours, telling.Refuse(codeNotYours, "told.not_yours_one", "N", 7), "请求 7"},
		{codeNotYours, telling.Refuse(codeNotYours, "told.not_yours_all", "N", 7), "7 个"},
		{telling.CodeBusy, errRacing, "比赛"},
		{telling.CodeBusy, &socket.LimitError{PerSecond: 1000}, "1000 条"},
		{telling.CodeTooLong, &telling.Refusal{Code: telling.CodeTooLong, Field: "prompt", Why: errRacing.(*telling.Refusal).Why}, "太长"},
		{telling.CodeInternal, errors.New("the engine has lost its way"), "日志"},
	} {
		p, _ := problemOf(c.err)
		if p.Code != c.code || !strings.Contains(wire.Told(p.Detail, "zh"), c.part) {
			t.Errorf("%v: %+v, want %s with %q", c.err, p, c.code, c.part)
		}
		checkLanguages(t, p.Detail)
		codes[p.Code] = true
	}
	for _, code := range []string{telling.CodeBadField, telling.CodeTooLong, telling.CodeNoModel, telling.CodeBusy, telling.CodeBadFrame, telling.CodeInternal, codeNotYours} {
		if !codes[code] {
			t.Errorf("no error here has the code %s", code)
		}
	}
	checkLanguages(t, stopping().Detail)
	for _, err := range []error{context.Canceled, fmt.Errorf("side 1: %w", context.Canceled), errors.New("the engine has lost its way"), telling.Wrong("text", "told.template")} {
		checkLanguages(t, unfinished(err))
	}
}

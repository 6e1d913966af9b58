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
		{codeBadField, outside("blocks", 2, 4, 4096), "收到的是 2，应为 4 到 4096"},
		{codeBadField, wrong("blocks", "told.slots", "N", 40000, "Most", 32768), "40000"},
		{codeBadField, noRoom(&load.MemoryError{Blocks: 4096, BlockSize: 8, Memory: "8.0 GiB", Most: 1000}), "8.0 GiB"},
		{codeBadField, noRoom(errors.New("there is no room")), "日志"},
		{codeBadField, &engine.RequestError{Field: "n", Reason: "is 0, want 1 or more"}, "引擎"},
		{codeBadFrame, &wire.Error{Field: "Count", Want: "1 byte, 0 are left"}, "Count"},
		{codeBadFrame, refuse(codeBadFrame, "told.not_joined", "Kind", wire.KindPing), "HallJoin"},
		{codeNoModel, refuse(codeNoModel, "told.no_engine"), "模型还没到"},
		{codeNotYours, refuse(codeNotYours, "told.not_yours_one", "N", 7), "请求 7"},
		{codeNotYours, refuse(codeNotYours, "told.not_yours_all", "N", 7), "7 个"},
		{codeBusy, errRacing, "比赛"},
		{codeBusy, &socket.LimitError{PerSecond: 1000}, "1000 条"},
		{codeTooLong, &refusal{codeTooLong, "prompt", errRacing.(*refusal).why}, "太长"},
		{codeInternal, errors.New("the engine has lost its way"), "日志"},
	} {
		p, _ := problemOf(c.err)
		if p.Code != c.code || !strings.Contains(wire.Told(p.Detail, "zh"), c.part) {
			t.Errorf("%v: %+v, want %s with %q", c.err, p, c.code, c.part)
		}
		checkLanguages(t, p.Detail)
		codes[p.Code] = true
	}
	for _, code := range []string{codeBadField, codeTooLong, codeNoModel, codeBusy, codeBadFrame, codeInternal, codeNotYours} {
		if !codes[code] {
			t.Errorf("no error here has the code %s", code)
		}
	}
	checkLanguages(t, stopping().Detail)
	for _, err := range []error{context.Canceled, fmt.Errorf("side 1: %w", context.Canceled), errors.New("the engine has lost its way"), wrong("text", "told.template")} {
		checkLanguages(t, unfinished(err))
	}
}

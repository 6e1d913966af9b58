package session

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/remote"
	"vitrine/server/socket"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// latinSentence is a run of words in Latin letters: names of fields, models and
// formats stand alone or in twos.
var latinSentence = regexp.MustCompile(`[A-Za-z']{2,}( [A-Za-z']+){2,}`)

// checkLanguages holds that a problem is said in both languages, each of its own.
func checkLanguages(t testing.TB, p *wire.Problem) {
	t.Helper()
	en, zh := wire.Told(p.Detail, "en"), wire.Told(p.Detail, "zh")
	if found := latinSentence.FindString(zh); found != "" || !strings.ContainsRune(zh, '。') {
		t.Errorf("%s of %q says in Chinese %q", p.Code, p.Field, zh)
	}
	if strings.ContainsAny(en, "。，") || !latinSentence.MatchString(en) {
		t.Errorf("%s of %q says in English %q", p.Code, p.Field, en)
	}
	for _, said := range []string{en, zh} {
		if strings.Contains(said, "<no value>") || strings.Contains(said, "told.") || strings.Contains(said, "problem.") || strings.Contains(said, "{{") {
			t.Errorf("%s of %q has a gap: %q", p.Code, p.Field, said)
		}
	}
}

// TestEveryProblemIsSaidInBothLanguages walks through all codes and all ways to them.
func TestEveryProblemIsSaidInBothLanguages(t *testing.T) {
	bad := func(change func(*sampler.Params)) error {
		p := sampler.Defaults()
		change(&p)
		return p.Validate(100)
	}
	codes := map[string]bool{}
	for _, c := range []struct {
		code string
		err  error
		part string // of the Chinese
	}{
		{telling.CodeBadField, telling.Wrong("Layer", "told.range", "N", 40, "Most", 30), "40"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.TopP = 7 }), "收到的是 7，应为大于 0 且不大于 1 的数"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.MinP = 7 }), "0 到 1"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.Temperature = -1 }), "不小于 0"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.TopK = -2 }), "-2"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.MaxTokens = 0 }), "不小于 1"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.LogitBias = []sampler.TokenBias{{Token: 200}} }), "logit 偏置"},
		{telling.CodeBadField, bad(func(p *sampler.Params) { p.BadWords = [][]int32{{200}} }), "其中一项"},
		{telling.CodeBadField, &engine.RequestError{Field: "top", Reason: "is 0, want 1 to 100"}, "日志"},
		{telling.CodeBadField, &remote.ParamError{Field: "min_p", Reason: "OpenAI's API has no such parameter"}, "min-p"},
		{telling.CodeTooLong, &tooLong{tokens: 20000, limit: 8192}, "20000"},
		{telling.CodeTooLong, &tooLong{tokens: 20000, atLeast: true, limit: 8192}, "至少有 20000"},
		{telling.CodeTooLong, &tooLong{tokens: 20000, have: 300, limit: 8192}, "300"},
		{telling.CodeTooLong, tooManyMessages(512), "512"},
		{telling.CodeNoModel, noModel(wire.Status{Phase: wire.PhaseDownloading, Received: 35, Total: 90}), "35"},
		{telling.CodeNoModel, noModel(wire.Status{Phase: wire.PhaseLoading}), "载入"},
		{telling.CodeNoModel, noModel(wire.Status{Phase: wire.PhaseFailed, Detail: wire.Tell("The disk is full.", "磁盘满了。")}), "磁盘满了"},
		{telling.CodeNoModel, noModel(wire.Status{Phase: wire.PhaseNoModel}), "没有指定"},
		{telling.CodeBusy, errBusy, "太多"},
		{telling.CodeBusy, errFull, "占满"},
		{telling.CodeBusy, &socket.LimitError{PerSecond: 200.0 / 3}, "66.7 条"},
		{telling.CodeGone, errClosed, "正在停止"},
		{telling.CodeGone, engine.ErrReleased, "释放"},
		{telling.CodeGone, fmt.Errorf("asking: %w", context.Canceled), "释放"},
		{codeRemote, elsewhere("told.elsewhere_first"), "全速"},
		{codeElsewhere, &remote.Error{Address: "http://127.0.0.1:1", Status: 500, Reason: "the server answered 500"}, "500"},
		{telling.CodeBadFrame, &wire.Error{Field: "Tokens[3].Bytes", Want: "12 bytes, 3 are left"}, "Tokens[3].Bytes"},
		{telling.CodeBadFrame, telling.Refuse(telling.CodeBadFrame, "told.not_open", "Kind", wire.KindPing), "Ping"},
		{telling.CodeInternal, errors.New("the engine has lost its way"), "日志"},
		{telling.CodeInternal, &mistake{"index out of range", nil}, "日志"},
	} {
		p, _ := problemOf(c.err)
		if p.Code != c.code || !strings.Contains(wire.Told(p.Detail, "zh"), c.part) {
			t.Errorf("%v: %+v, want %s with %q", c.err, p, c.code, c.part)
		}
		checkLanguages(t, p)
		codes[p.Code] = true
	}
	for _, field := range []string{"session", "server", "engine"} {
		checkLanguages(t, gone(field, "problem.gone_"+field))
	}
	for code, key := range sentences {
		if en := telling.Of(key, "Detail", "the reason").In("en"); !strings.Contains(en, "the reason") {
			t.Errorf("what the page says of %s, %q, does not give the reason", code, en)
		}
	}
	for _, code := range []string{telling.CodeBadField, telling.CodeTooLong, telling.CodeNoModel, telling.CodeBusy, telling.CodeGone, codeRemote, codeElsewhere, telling.CodeBadFrame, telling.CodeInternal} {
		if !codes[code] {
			t.Errorf("no error here has the code %s", code)
		}
	}
}

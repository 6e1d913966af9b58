package chat_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"vitrine/engine/chat"
)

// Each template is refused or stopped, in little time and memory, and the error says
// why.
func TestHostileTemplates(t *testing.T) {
	times := strings.Repeat
	for name, c := range map[string]struct{ source, want string }{
		"too long":              {times("x", 1<<17), "131072 bytes"},
		"not closed":            {"{% for m in messages %}", "unclosed for"},
		"tag not closed":        {"a\n{{ 'x }}", `line 2: "{{" is not closed`},
		"bracket not closed":    {"{{ (1 }}", "not closed"},
		"bracket not open":      {"{{ 1) }}", `unexpected ")"`},
		"no expression":         {"{{ a ! b }}", "'!' is no part of an expression"},
		"unknown tag":           {"{% frobnicate %}", `"frobnicate" is not supported`},
		"reads a file":          {"{% include '/etc/passwd' %}", `"include" is not supported`},
		"imports a file":        {"{% import '/etc/passwd' as p %}{{ p }}", `"import" is not supported`},
		"extends a file":        {"{% extends '/etc/passwd' %}", `"extends" is not supported`},
		"filter that reads":     {"{{ '/etc/passwd' | file }}", "the filter file is not supported"},
		"a huge range":          {"{% for i in range(1000000000) %}x{% endfor %}", "more than 65536 numbers"},
		"a range of nothing":    {"{% for i in range(1, 2, 0) %}{% endfor %}", "the step is 0"},
		"nested loops":          {"{% for a in range(60000) %}{% for b in range(60000) %}{% endfor %}{% endfor %}", "too many turns"},
		"a loop's condition":    {times("{% for c in range(60000) if false %}{% endfor %}", 50), "too many turns"},
		"endless output":        {"{% for a in range(60000) %}" + times("x", 10000) + "{% endfor %}", "too much text"},
		"recursive macro":       {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "too many turns"},
		"branching macros":      {"{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "too many turns"},
		"recursive loop":        {"{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recursive loops are not supported"},
		"refuses":               {"{{ raise_exception('no, thanks') }}", "no, thanks"},
		"deep blocks":           {times("{% if true %}", 4000), "unclosed if"},
		"deep brackets":         {"{{ " + times("(", 30000) + "1" + times(")", 30000) + " }}", "nest deeper"},
		"a string repeated":     {"{% set x = 'a' * 10000000000 %}", "the operator * is not supported"},
		"a power":               {"{{ 9 ** 9 ** 9 }}", "the operator ** is not supported"},
		"wide indentation":      {"{{ 'a\nb' | indent(10000000000) }}", "want at most 64"},
		"computed indentation":  {"{% set n = 10 %}{{ 'a\nb' | indent(n) }}", "want a number written out"},
		"wide JSON":             {"{{ [1] | tojson(indent=1000000000) }}", "want at most 64"},
		"padding":               {"{{ 'a' | center(10000000000) }}", "the filter center is not supported"},
		"a batch filled":        {"{{ [1] | batch(10000000000, 'x') }}", "the filter batch is not supported"},
		"replaced by itself":    {"{% set x = 'aaaa' %}{{ x | replace('a', x) }}", "want a string written out"},
		"replaced as a method":  {"{% set x = 'aaaa' %}{{ x.replace('a', x) }}", "want a string written out"},
		"joined by itself":      {"{% set x = 'aaaa' %}{{ x | list | join(x) }}", "want a string written out"},
		"method kept":           {"{% set f = 'a'.replace %}{{ f('a', 'bb') }}", "can only be called"},
		"method in a dict":      {"{{ {'strip': 'a'.replace}.strip('a', 'b') }}", "can only be called"},
		"item called":           {"{{ ['a'.upper][0]() }}", "only a name or a method can be called"},
		"unknown method":        {"{{ 'a'.zfill(10000000000) }}", "the method zfill is not supported"},
		"doubled in a loop":     {"{% set ns = namespace(x='aaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "too long"},
		"doubled in a line":     {"{% set x = 'aaaa' %}" + times("{% set x = x ~ x %}", 99), "too long"},
		"doubled by a macro":    {"{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('aaaa') }}", "too long"},
		"doubled by blocks":     {"{% set x %}aaaa{% endset %}" + times("{% set x %}{{ x }}{{ x }}{% endset %}", 99), "too long"},
		"doubled lists":         {"{% set x = [1] %}" + times("{% set x = [x, x] %}", 99), "too long"},
		"nested lists":          {"{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x] %}{% endfor %}", "nests deeper"},
		"long sums":             {"{{ x" + times(" + x", 5000) + " }}", "times as much"},
		"JSON of JSON":          {"{{ x" + times(" | tojson", 9) + " }}", "times as much"},
		"lists as text":         {"{% set x = range(60000) | list | string | list | string %}", "too long"},
		"cyclers":               {"{{ cycler('a') }}", "the function cycler is not supported"},
		"the guard by its name": {"{{ __text(0) }}", "two underscores"},
		"the guard set":         {"{% set __out = 1 %}", "two underscores"},
		"the guard as an item":  {"{% for __out in [1] %}{% endfor %}", "two underscores"},
		"the guard as a macro":  {"{% macro __turn() %}{% endmacro %}", "two underscores"},
		"the guard's parameter": {"{% macro f(__turn) %}{% endmacro %}", "two underscores"},
		"dunder attributes":     {"{{ ''.__class__ }}", "two underscores"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			template, err := chat.Parse(c.source)
			if err == nil {
				_, err = template.Render([]chat.Message{{Role: "user", Content: "hello"}}, chat.Options{})
			}
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<30 {
				t.Errorf("it took %d MiB of memory", n>>20)
			}
		})
	}
}

// These are as odd, but harmless: the library alone would never come back from them.
func TestHarmlessOddities(t *testing.T) {
	for source, want := range map[string]string{
		"{% set ns = namespace() %}{% set ns.a = ns %}{{ ns == ns }}":                         "True",
		"{% set x = [] %}{% set _ = x.append(x) %}{{ x | tojson }}":                           "[[]]",
		"{% set x = {} %}{% set _ = x.update({'a': x}) %}{{ x | tojson }}":                    `{"a": {}}`,
		"{{ [1][0:10000000000:2] | length }}":                                                 "1",
		"{{ [1][0:9223372036854775807:2] | length }}":                                         "1",
		"{{ 'é'[0:1000000000000000000] }}":                                                    "é",
		"{{ 'ab'[:-1000000000000000000:-1] }}":                                                "ba",
		"{% for c in 'ab' %}{% set x = (x | default('')) ~ c %}{{ x }}{% endfor %}{{ x }}":    "ab",
		"{% set f %}{{ '{{' }}{% raw_ %}{% endset %}":                                         "",
		"{% set a = 1 %}{% set b %}{% set a = 2 %}{{ a }}{% endset %}{{ a }}{{ b }}":          "12",
		"{% set loop_messages = messages[1:] %}{{ loop_messages | length }}{{ 1 // 0 % 3 }}x": "00x",
	} {
		template, err := chat.Parse(source)
		if want == "" {
			if err == nil {
				t.Errorf("%q was parsed", source)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if got, err := template.Render([]chat.Message{{Role: "user", Content: "hello"}}, chat.Options{}); err != nil || got != want {
			t.Errorf("%q gives %q (%v), want %q", source, got, err, want)
		}
	}
}

// A long conversation is no attack.
func TestLongConversations(t *testing.T) {
	source := "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '\\n' }}{% endfor %}"
	many := make([]chat.Message, 5000)
	for i := range many {
		many[i] = chat.Message{Role: "user", Content: "hello"}
	}
	for name, messages := range map[string][]chat.Message{
		"many": many,
		"long": {{Role: "user", Content: strings.Repeat("long ", 400_000)}},
	} {
		text, err := parse(t, source).Render(messages, chat.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := len(messages) * len("<|user|>"+messages[0].Content+"\n"); len(text) != want {
			t.Errorf("%s: %d bytes, want %d", name, len(text), want)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	_, err := chat.Parse("a\n{# c\n #}\n{% if x %}\nb{% endif %}\n{{ 1 + }}")
	if err == nil || !strings.Contains(err.Error(), "line 6") {
		t.Errorf("%v, want line 6", err)
	}
}

// FuzzParse: any template is refused or renders within its bounds.
func FuzzParse(f *testing.F) {
	for _, source := range []string{
		"{% for m in messages %}{{ m.role + m['content'] | trim }}{% endfor %}",
		"{%- if messages[0].role == 'system' -%}\n{% set x = messages[1:] %} {% else %}{{ raise_exception('no') }}{% endif +%}",
		"{% macro f(a, b='x') %}{{ a ~ b }}{% endmacro %}{{ f(1) }}{# c -#} {% set y %}z{% endset %}{{ y[::-1] }}",
		"{% set ns = namespace(n=0) %}{% for i in range(9) if i is odd %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n | tojson(indent=2) }}",
		"{% set l = [] %}{% set _ = l.append({'a': l}) %}{{ l | map(attribute='a') | list | string }}",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 {
			return
		}
		template, err := chat.Parse(source)
		if err != nil {
			return
		}
		begun := time.Now()
		_, err = template.Render([]chat.Message{{Role: "user", Content: "hello"}, {Role: "assistant", Content: "你好 "}}, chat.Options{AddGenerationPrompt: true})
		if took := time.Since(begun); took > 20*time.Second {
			t.Fatalf("it took %v: %v", took, err)
		}
	})
}

package chat_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/engine/chat"
)

func parse(t *testing.T, source string) *chat.Template {
	t.Helper()
	template, err := chat.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// testCase is a line of the files that testdata/generate.py writes: what Python's
// Jinja 2, set up as transformers does, makes of a template and a conversation.
type testCase struct {
	Template   string
	Messages   []chat.Message
	Generation bool
	Text       string
	Refusal    string
}

func cases(t *testing.T, name string) (list []testCase) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// render checks what a template makes of a case's conversation.
func (c testCase) render(t *testing.T, source string) {
	t.Helper()
	got, err := parse(t, source).Render(c.Messages, chat.Options{AddGenerationPrompt: c.Generation, BOSToken: "<bos>", EOSToken: "<eos>"})
	switch {
	case c.Refusal != "":
		if err == nil || !strings.Contains(err.Error(), c.Refusal) {
			t.Errorf("%s: got %q and %v, want the refusal %q", c.Template, got, err, c.Refusal)
		}
	case err != nil:
		t.Errorf("%s: %v", c.Template, err)
	case got != c.Text:
		t.Errorf("%s with %v:\n got %q\nwant %q", c.Template, c.Messages, got, c.Text)
	}
}

func TestTemplatesOfModels(t *testing.T) {
	for _, c := range cases(t, "expected.json") {
		source, err := os.ReadFile(filepath.Join("testdata", c.Template+".jinja"))
		if err != nil {
			t.Fatal(err)
		}
		c.render(t, string(source))
	}
}

func TestRandomTemplates(t *testing.T) {
	for _, c := range cases(t, "random.json") {
		c.render(t, c.Template)
	}
}

func TestFunctionsOfTransformers(t *testing.T) {
	now := func() time.Time { return time.Date(2024, 7, 6, 15, 4, 5, 0, time.UTC) }
	for source, want := range map[string]string{
		"{{ strftime_now('%d %b %Y, %A %H:%M 100%% %Q') }}":                                                   "06 Jul 2024, Saturday 15:04 100% %Q",
		"{% for i in range(3) %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}":                     "01",
		"{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}":                                                   "531",
		"{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}": "1",
		"{{ messages[0]['content'].strip().split('l')[0] }}":                                                  "he",
		"{{ messages[-1].role ~ '|' ~ (messages | length) }}":                                                 "user|1",
		"{%- for m in messages %}\n  {{- m.content }}\n{%- endfor %}\n":                                       "hello",
		"  {% if true %}\nx\n  {% endif %}\ny":                                                                "x\ny",
		"{% set l = [] %}{% set _ = l.append('a') %}{% set _ = l.append('b') %}{{ l | join('-') }}":           "a-b",
		"{% set d = {} %}{% set _ = d.update({'k': 'v'}) %}{{ d.k }}":                                         "v",
		"{% macro say(x, y='!') %}{{ x }}{{ y }}{% endmacro %}{{ say('a') }}{{ say('b', y='?') }}":            "a!b?",
		"{{ {'a': [1, 'x']} | tojson }}{{ {'a': 1} | tojson(indent=2) }}":                                     "{\"a\": [1, \"x\"]}{\n  \"a\": 1\n}",
		"{{ 'a\nb' | indent(2) }}{{ 'x-y' | replace('-', '+') }}":                                             "a\n  bx+y",
		"{% generation %}{{ messages[0].content }}{% endgeneration %}":                                        "hello",
		"{{ messages[0].content[1:-1] }}{{ 'é'[0:10] }}{{ [1, 2, 3][::2] | join(',') }}":                      "ellé1,3",
	} {
		got, err := parse(t, source).Render([]chat.Message{{Role: "user", Content: "hello"}}, chat.Options{Now: now})
		if err != nil || got != want {
			t.Errorf("%q gives %q (%v), want %q", source, got, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := chat.Load(dir); !errors.Is(err, chat.ErrNoTemplate) {
		t.Errorf("an empty folder: %v, want ErrNoTemplate", err)
	}
	for config, want := range map[string]string{
		`{"chat_template": "a{{ messages[0].role }}"}`:                                          "auser",
		`{"chat_template": [{"name":"tool","template":"t"},{"name":"default","template":"d"}]}`: "d",
	} {
		if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		template, err := chat.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := template.Render([]chat.Message{{Role: "user"}}, chat.Options{}); err != nil || got != want {
			t.Errorf("%s renders %q (%v), want %q", config, got, err, want)
		}
	}
	for _, config := range []string{`{`, `{"chat_template": 3}`, `{"chat_template": [{"name":"x","template":"t"}]}`} {
		if _, err := chat.FromConfig([]byte(config)); err == nil || errors.Is(err, chat.ErrNoTemplate) {
			t.Errorf("%s: %v, want an error that says what is wrong", config, err)
		}
	}
	if _, err := chat.FromConfig([]byte(`{"chat_template": null}`)); !errors.Is(err, chat.ErrNoTemplate) {
		t.Errorf("null: %v, want ErrNoTemplate", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte("j"), 0o600); err != nil {
		t.Fatal(err)
	}
	if template, err := chat.Load(dir); err != nil || template.Source() != "j" {
		t.Errorf("chat_template.jinja: %v", err)
	}
}

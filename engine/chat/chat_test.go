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

// testdata/expected.json is what Python's Jinja 2, set up as transformers does,
// makes of five models' templates and some conversations.
func TestTemplatesRenderAsInTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Template   string
		Messages   []chat.Message
		Generation bool
		Text       string
		Refusal    string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		source, err := os.ReadFile(filepath.Join("testdata", c.Template+".jinja"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(t, string(source)).Render(c.Messages, chat.Options{AddGenerationPrompt: c.Generation, BOSToken: "<bos>", EOSToken: "<eos>"})
		switch {
		case c.Refusal != "":
			if err == nil || !strings.Contains(err.Error(), c.Refusal) {
				t.Errorf("case %d, %s: got %q and %v, want the refusal %q", i, c.Template, got, err, c.Refusal)
			}
		case err != nil:
			t.Errorf("case %d, %s: %v", i, c.Template, err)
		case got != c.Text:
			t.Errorf("case %d, %s:\n got %q\nwant %q", i, c.Template, got, c.Text)
		}
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
	} {
		got, err := parse(t, source).Render([]chat.Message{{Role: "user", Content: "hello"}}, chat.Options{Now: now})
		if err != nil || got != want {
			t.Errorf("%q gives %q (%v), want %q", source, got, err, want)
		}
	}
}

func TestHostileTemplates(t *testing.T) {
	for name, source := range map[string]string{
		"too long":           strings.Repeat("x", 1<<17),
		"not closed":         "{% for m in messages %}",
		"unknown tag":        "{% frobnicate %}",
		"reads a file":       "{% include '/etc/passwd' %}",
		"imports a file":     "{% import '/etc/passwd' as p %}{{ p }}",
		"extends a file":     "{% extends '/etc/passwd' %}",
		"a huge range":       "{% for i in range(1000000000) %}x{% endfor %}",
		"nested loops":       "{% for a in range(60000) %}{% for b in range(60000) %}{% for c in range(60000) %}{% endfor %}{% endfor %}{% endfor %}",
		"endless output":     "{% for a in range(60000) %}" + strings.Repeat("x", 10000) + "{% endfor %}",
		"a range of nothing": "{% for i in range(1, 2, 0) %}{% endfor %}",
		"refuses":            "{{ raise_exception('no, thanks') }}",
		"deep":               strings.Repeat("{% if true %}", 4000),
		"deep parentheses":   "{{ " + strings.Repeat("(", 30000),
		"budget by its name": "{{ ' budget' }}{{ budget.spend() }}",
	} {
		t.Run(name, func(t *testing.T) {
			template, err := chat.Parse(source)
			if err == nil {
				_, err = template.Render([]chat.Message{{Role: "user", Content: "hello"}}, chat.Options{})
			}
			if err == nil {
				t.Error("it was rendered")
			} else if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
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

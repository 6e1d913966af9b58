package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/a-h/templ"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed messages/*.json
var messageFiles embed.FS

// A message is one entry of the catalogue as the client reads it. Placeholders
// are written {{.Name}}; One is what a count of one says where the language
// tells one from many, as English does, and empty otherwise.
type message struct {
	One   string `json:"one,omitempty"`
	Other string `json:"other"`
}

// catalogue is every word of the page in every language.
type catalogue struct {
	bundle   *i18n.Bundle
	messages map[string]map[string]message // by language, by key
}

// catalogues is the catalogue that ships with this package. The files are embedded
// and tested, so a fault in them is one of the build, not of a request.
var catalogues = must(loadCatalogue(messageFiles))

func must(c *catalogue, err error) *catalogue {
	if err != nil {
		panic(err)
	}
	return c
}

// loadCatalogue reads messages/ROOM.LANGUAGE.json from files. A key that two
// rooms of one language define is an error: the later would hide the earlier.
func loadCatalogue(files embed.FS) (*catalogue, error) {
	c := &catalogue{
		bundle:   i18n.NewBundle(language.English),
		messages: map[string]map[string]message{},
	}
	entries, err := files.ReadDir("messages")
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	for _, entry := range entries {
		file, err := c.bundle.LoadMessageFileFS(files, path.Join("messages", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("messages/%s: %w", entry.Name(), err)
		}
		lang := file.Tag.String()
		if c.messages[lang] == nil {
			c.messages[lang] = map[string]message{}
		}
		for _, m := range file.Messages {
			if _, defined := c.messages[lang][m.ID]; defined {
				return nil, fmt.Errorf("messages/%s: key %q is defined in another room too", entry.Name(), m.ID)
			}
			c.messages[lang][m.ID] = message{One: m.One, Other: m.Other}
		}
	}
	return c, nil
}

// toldRoom begins the keys of what only the server says, see [Say].
const toldRoom = "told."

// MarshalJSON gives the form that the page carries for the client:
// {"en": {"key": {"other": "…"}}, "zh": …}. What only the server says is not in it.
func (c *catalogue) MarshalJSON() ([]byte, error) {
	carried := make(map[string]map[string]message, len(c.messages))
	for lang, all := range c.messages {
		carried[lang] = maps.Clone(all)
		maps.DeleteFunc(carried[lang], func(key string, _ message) bool { return strings.HasPrefix(key, toldRoom) })
	}
	return json.Marshal(carried)
}

// Say is the message under key in a language of the page, for what the server
// says in it by other ways than its markup. The values fill its placeholders.
func Say(lang, key string, values map[string]any) string {
	return catalogues.in(lang).filled(key, values)
}

// words says messages in one language.
type words struct {
	lang      string
	localizer *i18n.Localizer
}

// in returns the catalogue's words in lang, which [Language] has chosen.
func (c *catalogue) in(lang string) words {
	if c.messages[lang] == nil {
		lang = language.English.String()
	}
	return words{lang: lang, localizer: i18n.NewLocalizer(c.bundle, lang)}
}

// text is the message under key. A key that is missing stands for itself, so
// that a slip is seen on the page and not answered by an error page.
func (w words) text(key string) string { return w.filled(key, nil) }

// filled is the message under key with its placeholders filled.
func (w words) filled(key string, values any) string {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: values})
	if err != nil {
		return key
	}
	return text
}

// label gives an element the attribute name with the message under key, and
// keeps the key beside it for the client.
func (w words) label(name, key string) templ.Attributes {
	return templ.Attributes{name: w.text(key), "data-t-" + name: key}
}

// named gives a control whose face is a picture its name and its tooltip.
func (w words) named(key string) templ.Attributes {
	return templ.Attributes{
		"aria-label": w.text(key), "data-t-aria-label": key,
		"title": w.text(key), "data-t-title": key,
	}
}

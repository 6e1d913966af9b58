// Package telling says what happened on the server in every language of the page.
//
// The words are in the catalogues of package web, under keys that begin with
// "told." or "problem."; the numbers and names in them are the values of a [Message].
// What goes over the wire is the message in all languages (wire.Tell), so that
// the page can change its language, and a recording be read in either, without
// asking again.
package telling

import (
	"vitrine/visualizer/wire"
	"vitrine/web"
)

// A Message is a text of the catalogues with the values of its placeholders.
type Message struct {
	Key    string
	Values map[string]any // a value may be a Message too
	// English, if not empty, is what is said in English in the place of Key's text:
	// the words of an error of the engine, say, which has them in English only
	// and may know more than Key's text in the other languages.
	English string

	told string // by Again
}

// Of is the message under key, its placeholders filled from pairs of name and value.
func Of(key string, pairs ...any) Message {
	m := Message{Key: key, Values: make(map[string]any, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Values[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// From is the message under key, in the place of what is said in English.
func From(english, key string, pairs ...any) Message {
	m := Of(key, pairs...)
	m.English = english
	return m
}

// In is the message in one of the page's languages.
func (m Message) In(lang string) string {
	if m.told != "" {
		return wire.Told(m.told, lang)
	}
	if m.English != "" && lang == "en" {
		return m.English
	}
	filled := make(map[string]any, len(m.Values))
	for name, value := range m.Values {
		if inner, ok := value.(Message); ok {
			value = inner.In(lang)
		}
		filled[name] = value
	}
	return web.Say(lang, m.Key, filled)
}

// Told is the message as it goes over the wire.
func (m Message) Told() string { return wire.Tell(m.In("en"), m.In("zh")) }

// Again is a message that was put into a string of a frame already.
func Again(told string) Message { return Message{told: told} }

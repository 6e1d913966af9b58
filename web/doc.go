// Package web is what the browser is given before the client runs: the page
// itself as templ components, its styles, the small script that starts the
// WebAssembly client, and every word in English and Chinese.
//
// The page is whole without the client: headings, explanations, controls and
// labels are in the markup, in the reader's language, so that a screen reader
// and a slow connection have something to read at once. The client
// (vitrine/wasm) then brings it to life and writes only what changes.
//
// # Words
//
// Every word stands in messages/ROOM.LANGUAGE.json, one room a view and one
// for the shell, in the format of go-i18n. Markup says a message with
// [words.say] (an element whose text is the message) or with [words.label] (an
// attribute); both leave the key in the markup as data-t or data-t-ATTRIBUTE,
// from which the client says it again when the language is switched. A test
// holds that both languages have the same keys, with the same placeholders,
// and that every key is used and every used key exists.
//
// The room told is the server's: what it says of itself, with numbers filled in
// ([Say], and package server/telling). The page does not carry it.
//
// There are two pages, each with a program of its own: [Page], the chat
// (vitrine/wasm), and [HallPage], the hall (vitrine/wasm/hall).
//
// # To add a view
//
//  1. write view_NAME.templ with the view's own markup,
//  2. write messages/NAME.en.json and messages/NAME.zh.json,
//  3. add a line to [Views],
//  4. run go tool templ generate,
//  5. and bring it to life in wasm/view_NAME.go.
package web

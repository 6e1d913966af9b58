//go:build js && wasm

// Command wasm is the browser client: it keeps the page that package web
// renders alive, from the frames that the server sends.
//
// # How it runs
//
// Everything happens in the browser's event loop. Frames arrive on the socket
// and are applied to the session at once (visualizer/session, pure state).
// What they changed is collected, and once a frame of the screen
// [client.draw] tells every part of the page, which then draws: however many
// frames came in between, the page is written once. Without a change there is
// no frame and no work.
//
// # To add a view
//
//  1. Give it markup and words in package web (see there).
//  2. Write wasm/view_NAME.go: a type that implements [stageView], with a
//     constructor newNameView(c *client) that finds its elements with [page.ByID].
//  3. Add the constructor to [newViews].
//
// A view reads c.shown (the session), c.at (the chosen token, layer, head and
// key), c.position() (the token, where one must be there), c.params.now and
// c.theme. It asks with c.ask and finds the answer in c.shown when update is
// told session.ChangeAnswer; c.trouble says in words why there is none. It
// moves the page's place with c.chooseToken and c.choosePlace. It shows numbers in
// the inspector: c.inspector.Point while the pointer is on them, leave when it
// is not, keep on a click; each takes a function that gives the [page.Reading], called
// again whenever something changes. Words come from c.words.Say; pixels go through
// a [page.Surface], lines and text on a canvas through a [page.Pen].
//
// # Size
//
// The browser downloads all of this, so fmt, sort, sync, time, reflect and
// encoding/json stay out; imports_test.go holds the list, and server/client a
// bound for the download. What the Go linker makes is rewritten before it is served
// (server/client/postlink), so a traceback in the browser's console names the
// functions but no lines; go build without that, if they are needed.
package main

func main() {
	newClient().start()
	select {} // the page's events keep the program busy
}

// Package page is what the programs of the browser share: the elements of the
// page, its words in two languages, its colours, canvases, the socket, and the
// inspector that shows the one number that is pointed at. What a number is,
// and where it stands, is the programs' own (vitrine/wasm, the chat, and
// vitrine/wasm/hall).
package page

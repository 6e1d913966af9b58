//go:build js && wasm

// Command hall is the browser's program of the page /serving: it shows what
// many requests do to one engine's memory and steps, from the records that the
// server sends (vitrine/visualizer/hall), and lets the reader add requests, steer
// the engine and start races.
//
// Everything happens in the browser's event loop. A frame of the server is
// applied at once; what is seen is written once a frame of the screen
// ([client.draw]), and only while something changed.
package main

func main() {
	newClient().socket.Connect()
	select {} // the page's events keep the program busy
}

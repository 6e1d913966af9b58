// Package socket is the server's end of a page's WebSocket, the chat's and the
// hall's. It reads commands, with a bound on their size and their rate; writes what
// waits in a [Source], at the pace that the page asked for; tries by pings whether the
// page is still there; and closes with a reason that the page can read.
//
// A connection has two goroutines: [Conn.Serve] runs the writer beside the caller's
// reader, which calls [Conn.Next]. What a command means, and what a page that does not
// read or sends what is no command has to expect, is the caller's to say.
package socket

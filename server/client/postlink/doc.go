// Package postlink rewrites a WebAssembly module that the Go linker made, so
// that the browser fetches less and runs it no slower.
//
// The Go linker knows nothing of compression, and a browser fetches a module
// compressed. What is written down in an unlucky way costs a third of the
// download without telling anything:
//
//   - The data lie in tens of thousands of segments, split wherever eight
//     bytes are zero. They are put together again (segments.go).
//   - A jump within a function says its place twice, as a number and as a
//     depth, and goes over a table at the function's start. Where the place lies ahead, it
//     becomes a plain branch (jumps.go).
//   - The way out after a call that switches goroutines is a branch whose
//     depth is another one after each call. It becomes a return (unwinds.go).
//   - Each call writes its function's number anew as part of the return
//     address. It is put into a local variable once (addresses.go).
//   - Every call's file and line are there for tracebacks. They go; a
//     traceback still names the functions (lines.go).
//
// None of these changes what the program computes: a rewrite is done only
// where the code has exactly the expected shape, and everything else stays as
// the linker wrote it. The shapes are those of cmd/internal/obj/wasm and
// cmd/link of Go 1.26; a release of Go that writes others makes the module
// larger, never wrong.
package postlink

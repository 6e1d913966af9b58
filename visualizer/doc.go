// Package visualizer holds what is drawn: the messages between server and page
// (wire), what the page knows (session), what its views show (view, project),
// their pixels (paint) and sessions in files (recording). All of it is pure Go
// without DOM, clock or input and output of its own, so that it runs in the
// browser and is tested natively.
//
// The browser downloads every package that is imported here, so the imports
// are few; imports_test.go holds them.
package visualizer

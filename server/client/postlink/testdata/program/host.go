package main

import "syscall/js"

// host calls JavaScript, which calls back, which waits for another goroutine.
func host() string {
	c := make(chan string)
	back := js.FuncOf(func(_ js.Value, args []js.Value) any {
		go func() { c <- args[0].String() + "!" }()
		return <-c + "?"
	})
	defer back.Release()
	made := js.Global().Get("Function").New("f", "return 'host says ' + f('go')")
	return made.Invoke(back).String()
}

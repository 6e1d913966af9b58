//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"
)

// Crossing from Go to JavaScript costs about a microsecond a call and several
// for a string, so the objects that are needed often are fetched once, and an
// element remembers nothing: what must not be written twice uses [textCell].
var (
	window    = js.Global()
	document  = window.Get("document")
	root      = element{document.Get("documentElement")}
	uint8Ctor = window.Get("Uint8Array")
)

// element is an element of the page.
type element struct{ js.Value }

// byID is the element that the markup names id. The markup is part of this
// program, so a missing one is a fault of the build and ends it.
func byID(id string) element {
	e := document.Call("getElementById", id)
	if e.IsNull() {
		panic("the page has no element #" + id)
	}
	return element{e}
}

// find is the first element below e that matches the selector.
func (e element) find(selector string) element {
	return element{e.Call("querySelector", selector)}
}

// findAll lists the elements below e that match the selector.
func (e element) findAll(selector string) []element {
	list := e.Call("querySelectorAll", selector)
	all := make([]element, list.Length())
	for i := range all {
		all[i] = element{list.Index(i)}
	}
	return all
}

// create makes an element that is not in the page yet. The class may be empty.
func create(tag, class string) element {
	e := element{document.Call("createElement", tag)}
	if class != "" {
		e.Set("className", class)
	}
	return e
}

// with sets the element's text and returns it.
func (e element) with(text string) element {
	e.Set("textContent", text)
	return e
}

func (e element) append(children ...element) element {
	for _, child := range children {
		e.Call("appendChild", child.Value)
	}
	return e
}

func (e element) remove()                 { e.Call("remove") }
func (e element) clear()                  { e.Call("replaceChildren") }
func (e element) setText(text string)     { e.Set("textContent", text) }
func (e element) setHidden(hidden bool)   { e.Set("hidden", hidden) }
func (e element) hidden() bool            { return e.Get("hidden").Bool() }
func (e element) setDisabled(off bool)    { e.Set("disabled", off) }
func (e element) value() string           { return e.Get("value").String() }
func (e element) setValue(value string)   { e.Set("value", value) }
func (e element) focus()                  { e.Call("focus") }
func (e element) attr(name string) string { return attrOf(e.Value, name) }

func attrOf(v js.Value, name string) string {
	if got := v.Call("getAttribute", name); got.Type() == js.TypeString {
		return got.String()
	}
	return ""
}

func (e element) setAttr(name, value string)    { e.Call("setAttribute", name, value) }
func (e element) setFlag(name string, on bool)  { e.Call("toggleAttribute", name, on) }
func (e element) setClass(name string, on bool) { e.Get("classList").Call("toggle", name, on) }

// setStyle sets a property through the style object, which a policy without
// inline styles allows.
func (e element) setStyle(property, value string) {
	e.Get("style").Call("setProperty", property, value)
}

// on calls then for every event of that name, for as long as the page lives.
func (e element) on(event string, then func(event js.Value)) {
	e.Call("addEventListener", event, js.FuncOf(func(_ js.Value, args []js.Value) any {
		then(args[0])
		return nil
	}))
}

// onClick is on("click") for those who need no event.
func (e element) onClick(then func()) { e.on("click", func(js.Value) { then() }) }

// textCell is an element whose text is written only when it changes.
type textCell struct {
	element
	node js.Value // the text in it, which is written anew instead of replaced
	last string
	set  bool
}

func newTextCell(e element) *textCell { return &textCell{element: e} }

func (t *textCell) show(text string) {
	if t.set && t.last == text {
		return
	}
	if t.set && t.last != "" && text != "" {
		t.node.Set("data", text)
	} else {
		t.setText(text)
		t.node = t.Get("firstChild")
	}
	t.last, t.set = text, true
}

// after calls then once, milliseconds from now, and returns what [cancelTimer]
// takes.
func after(milliseconds int, then func()) js.Value {
	var f js.Func
	f = js.FuncOf(func(js.Value, []js.Value) any {
		f.Release()
		then()
		return nil
	})
	return window.Call("setTimeout", f, milliseconds)
}

// cancelTimer ends a timer that has not run. The callback it held is small and stays.
func cancelTimer(timer js.Value) {
	if !timer.IsUndefined() {
		window.Call("clearTimeout", timer)
	}
}

var performance = window.Get("performance")

// now is the time in milliseconds since the page was opened.
func now() float64 { return performance.Call("now").Float() }

// bytesOf copies an ArrayBuffer or a typed array's bytes into Go's memory.
func bytesOf(buffer js.Value) []byte {
	array := uint8Ctor.New(buffer)
	b := make([]byte, array.Get("byteLength").Int())
	js.CopyBytesToGo(b, array)
	return b
}

// jsBytes copies b into a new Uint8Array.
func jsBytes(b []byte) js.Value {
	array := uint8Ctor.New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}

// stored reads a key of a storage area ("localStorage", "sessionStorage"). A
// browser may forbid storage; then nothing is stored.
func stored(area, key string) (value string) {
	defer func() { _ = recover() }()
	if v := window.Get(area).Call("getItem", key); v.Type() == js.TypeString {
		value = v.String()
	}
	return value
}

func store(area, key, value string) {
	defer func() { _ = recover() }()
	if value == "" {
		window.Get(area).Call("removeItem", key)
		return
	}
	window.Get(area).Call("setItem", key, value)
}

func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "px" }

// prefersStill reports whether the reader asked for reduced motion.
func prefersStill() bool {
	return window.Call("matchMedia", "(prefers-reduced-motion: reduce)").Get("matches").Bool()
}

//go:build js && wasm

package page

import (
	"strconv"
	"syscall/js"
)

// Crossing from Go to JavaScript costs about a microsecond a call and several
// for a string, so the objects that are needed often are fetched once, and an
// Element remembers nothing: what must not be written twice uses [TextCell].
var (
	// Window is the browser's window.
	Window = js.Global()
	// Document is the page.
	Document  = Window.Get("document")
	root      = Element{Document.Get("documentElement")}
	uint8Ctor = Window.Get("Uint8Array")
)

// Element is an element of the page.
type Element struct{ js.Value }

// ByID is the element that the markup names id. The markup is part of this
// program, so a missing one is a fault of the build and ends it.
func ByID(id string) Element {
	e := Document.Call("getElementById", id)
	if e.IsNull() {
		panic("the page has no element #" + id)
	}
	return Element{e}
}

// Find is the first element below e that matches the selector.
func (e Element) Find(selector string) Element {
	return Element{e.Call("querySelector", selector)}
}

// FindAll lists the elements below e that match the selector.
func (e Element) FindAll(selector string) []Element {
	list := e.Call("querySelectorAll", selector)
	all := make([]Element, list.Length())
	for i := range all {
		all[i] = Element{list.Index(i)}
	}
	return all
}

// Create makes an element that is not in the page yet. The class may be empty.
func Create(tag, class string) Element {
	e := Element{Document.Call("createElement", tag)}
	if class != "" {
		e.Set("className", class)
	}
	return e
}

// With sets the element's text and returns it.
func (e Element) With(text string) Element {
	e.Set("textContent", text)
	return e
}

// Append puts children at the element's end and returns it.
func (e Element) Append(children ...Element) Element {
	for _, child := range children {
		e.Call("appendChild", child.Value)
	}
	return e
}

// Remove takes the element out of the page.
func (e Element) Remove() { e.Call("remove") }

// Clear removes all children.
func (e Element) Clear() { e.Call("replaceChildren") }

// SetText replaces what is in the element by text.
func (e Element) SetText(text string) { e.Set("textContent", text) }

// SetHidden takes the element out of sight, or brings it back.
func (e Element) SetHidden(hidden bool) { e.Set("hidden", hidden) }

// Hidden reports whether the element is out of sight.
func (e Element) Hidden() bool { return e.Get("hidden").Bool() }

// SetDisabled switches a control off or on.
func (e Element) SetDisabled(off bool) { e.Set("disabled", off) }

// FieldValue is what stands in a field.
func (e Element) FieldValue() string { return e.Get("value").String() }

// SetValue writes into a field.
func (e Element) SetValue(value string) { e.Set("value", value) }

// Focus moves the keyboard to the element.
func (e Element) Focus() { e.Call("focus") }

// Attr is an attribute's value, "" if it is not there.
func (e Element) Attr(name string) string { return AttrOf(e.Value, name) }

// AttrOf is an attribute's value, "" if it is not there.
func AttrOf(v js.Value, name string) string {
	if got := v.Call("getAttribute", name); got.Type() == js.TypeString {
		return got.String()
	}
	return ""
}

// SetAttr sets an attribute.
func (e Element) SetAttr(name, value string) { e.Call("setAttribute", name, value) }

// SetFlag sets or removes an attribute without a value.
func (e Element) SetFlag(name string, on bool) { e.Call("toggleAttribute", name, on) }

// SetClass adds or removes a class.
func (e Element) SetClass(name string, on bool) { e.Get("classList").Call("toggle", name, on) }

// SetStyle sets a property through the style object, which a policy without
// inline styles allows.
func (e Element) SetStyle(property, value string) {
	e.Get("style").Call("setProperty", property, value)
}

// On calls then for every event of that name, for as long as the page lives.
func (e Element) On(event string, then func(event js.Value)) {
	e.Call("addEventListener", event, js.FuncOf(func(_ js.Value, args []js.Value) any {
		then(args[0])
		return nil
	}))
}

// OnClick is on("click") for those who need no event.
func (e Element) OnClick(then func()) { e.On("click", func(js.Value) { then() }) }

// TextCell is an element whose text is written only when it changes.
type TextCell struct {
	Element
	node js.Value // the text in it, which is written anew instead of replaced
	last string
	set  bool
}

// NewTextCell takes over an element.
func NewTextCell(e Element) *TextCell { return &TextCell{Element: e} }

// Show writes the text if it is another one.
func (t *TextCell) Show(text string) {
	if t.set && t.last == text {
		return
	}
	if t.set && t.last != "" && text != "" {
		t.node.Set("data", text)
	} else {
		t.SetText(text)
		t.node = t.Get("firstChild")
	}
	t.last, t.set = text, true
}

// After calls then once, milliseconds from now, and returns what [CancelTimer]
// takes.
func After(milliseconds int, then func()) js.Value {
	var f js.Func
	f = js.FuncOf(func(js.Value, []js.Value) any {
		f.Release()
		then()
		return nil
	})
	return Window.Call("setTimeout", f, milliseconds)
}

// CancelTimer ends a timer that has not run. The callback it held is small and stays.
func CancelTimer(timer js.Value) {
	if !timer.IsUndefined() {
		Window.Call("clearTimeout", timer)
	}
}

var performance = Window.Get("performance")

// Now is the time in milliseconds since the page was opened.
func Now() float64 { return performance.Call("now").Float() }

// BytesOf copies an ArrayBuffer or a typed array's bytes into Go's memory.
func BytesOf(buffer js.Value) []byte {
	array := uint8Ctor.New(buffer)
	b := make([]byte, array.Get("byteLength").Int())
	js.CopyBytesToGo(b, array)
	return b
}

// JsBytes copies b into a new Uint8Array.
func JsBytes(b []byte) js.Value {
	array := uint8Ctor.New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}

// Stored reads a key of a storage area ("localStorage", "sessionStorage"). A
// browser may forbid storage; then nothing is stored.
func Stored(area, key string) (value string) {
	defer func() { _ = recover() }()
	if v := Window.Get(area).Call("getItem", key); v.Type() == js.TypeString {
		value = v.String()
	}
	return value
}

// Store keeps a value under a key of a storage area; an empty one removes it.
func Store(area, key, value string) {
	defer func() { _ = recover() }()
	if value == "" {
		Window.Get(area).Call("removeItem", key)
		return
	}
	Window.Get(area).Call("setItem", key, value)
}

// Pixels writes a length as CSS does.
func Pixels(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "px" }

// OnStill tells whether the reader asked for reduced motion: at once, and again when
// that changes.
func OnStill(tell func(still bool)) {
	query := Element{Window.Call("matchMedia", "(prefers-reduced-motion: reduce)")}
	say := func(js.Value) { tell(query.Get("matches").Bool()) }
	query.On("change", say)
	say(js.Null())
}

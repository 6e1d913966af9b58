//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// A stageView is one tab of the stage. Its markup is in web/view_NAME.templ, its
// words in web/messages/NAME.en.json and NAME.zh.json; it stands in the list
// of [newViews].
//
// A view reads the client's session and place, and asks the server through
// [client.ask]; what is answered comes with a later update. It writes to the
// page in frame only, so that everything that happens within one frame of the
// screen costs one drawing. While it is closed it is asked nothing; when it opens it is
// told that everything changed.
type stageView interface {
	// name is the view's name in the markup: its panel is #panel-NAME.
	name() string
	// needs says which frames the engine shall send while the view is open.
	needs() wire.Views
	// ready reports whether there is something to show. If not, the panel
	// shows the markup's word why instead of the view's body.
	ready() bool
	// update takes note of what changed since the view was last told.
	update(what change)
	// frame draws what update noted; t is the time in milliseconds as
	// requestAnimationFrame gives it. It reports whether it wants the next frame too:
	// motion that is under way.
	frame(t float64) (again bool)
}

// newViews lists the views in the order of their tabs in web.Views.
func newViews(c *client) []stageView {
	return []stageView{
		newTokensView(c),
		newVectorsView(c),
		newAttentionView(c),
		newNextView(c),
		newBlocksView(c),
		newTimeView(c),
	}
}

// tabs are the row of tabs and the panels below it.
type tabs struct {
	c      *client
	names  []string // from the markup
	tabs   []page.Element
	panels []page.Element
	views  []stageView // nil where the markup has a tab and the client no view
	bodies []page.Element
	empty  []page.Element
	filled []bool // whose body is in sight instead of the word why there is none
	open   int
}

func newTabs(c *client, views []stageView) *tabs {
	t := &tabs{c: c}
	for i, tab := range page.ByID("tabs").FindAll("[role=tab]") {
		panel := page.ByID(tab.Attr("aria-controls"))
		t.names = append(t.names, tab.Attr("id")[len("tab-"):])
		t.tabs = append(t.tabs, tab)
		t.panels = append(t.panels, panel)
		t.bodies = append(t.bodies, panel.Find(".body"))
		t.empty = append(t.empty, panel.Find(".empty"))
		t.views = append(t.views, nil)
		t.filled = append(t.filled, false)
		for _, v := range views {
			if v.name() == t.names[i] {
				t.views[i] = v
			}
		}
		tab.OnClick(func() { t.choose(i) })
	}
	page.ByID("tabs").On("keydown", func(event js.Value) {
		var to int
		switch event.Get("key").String() {
		case "ArrowRight":
			to = (t.open + 1) % len(t.tabs)
		case "ArrowLeft":
			to = (t.open + len(t.tabs) - 1) % len(t.tabs)
		case "Home":
			to = 0
		case "End":
			to = len(t.tabs) - 1
		default:
			return
		}
		event.Call("preventDefault")
		t.choose(to)
		t.tabs[to].Focus()
	})
	return t
}

// choose opens the i-th view.
func (t *tabs) choose(i int) {
	if i < 0 || i >= len(t.tabs) || i == t.open {
		return
	}
	t.panels[t.open].SetHidden(true)
	t.tabs[t.open].SetAttr("aria-selected", "false")
	t.tabs[t.open].SetAttr("tabindex", "-1")
	t.open = i
	t.panels[i].SetHidden(false)
	t.tabs[i].SetAttr("aria-selected", "true")
	t.tabs[i].SetAttr("tabindex", "0")
	t.c.inspector.Release()
	t.c.changed(everything)
}

// chooseName opens the view of that name and reports whether there is one.
func (t *tabs) chooseName(name string) bool {
	for i, have := range t.names {
		if have == name {
			t.choose(i)
			return true
		}
	}
	return false
}

// name is the open view's name.
func (t *tabs) name() string { return t.names[t.open] }

// needs says which frames the open view wants.
func (t *tabs) needs() wire.Views {
	if v := t.views[t.open]; v != nil {
		return v.needs()
	}
	return 0
}

// update tells the open view and puts either its body or the word why there is none in sight.
func (t *tabs) update(what change) {
	v := t.views[t.open]
	ready := v != nil && v.ready()
	t.c.sayRemote(t.names[t.open], t.empty[t.open])
	if t.filled[t.open] != ready {
		t.filled[t.open] = ready
		t.bodies[t.open].SetHidden(!ready)
		t.empty[t.open].SetHidden(ready)
		what = everything
	}
	if ready {
		v.update(what)
	}
}

func (t *tabs) frame(at float64) (again bool) {
	if !t.filled[t.open] {
		return false
	}
	return t.views[t.open].frame(at)
}

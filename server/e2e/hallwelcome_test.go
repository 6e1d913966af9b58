package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"vitrine/engine/modeltest"
	"vitrine/server/app"
	"vitrine/visualizer/wire"
)

// What the empty pool says.
const emptySays = `document.querySelector('#grid .empty').textContent`

// Until there is a model, the hall says in the place of its pool why there is none, in
// both languages, and the status does not say that there is nothing to do.
func TestHallBeforeItsModel(t *testing.T) {
	model, err := os.Stat(modeltest.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	// A hub that begins to give the file and does not go on.
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".gguf") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", fmt.Sprint(model.Size()))
		if r.Method == http.MethodHead {
			return
		}
		w.Write(make([]byte, 1<<20))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(hub.Close)
	t.Setenv("VITRINE_CACHE", t.TempDir())
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", hub.URL)
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0"})
	p := open(t, a.URL()+"/serving?lang=en")
	p.wait("why there is no pool", emptySays+`.includes('is on its way to the server')`)
	p.wait("the status says so", `document.querySelector('#status-text').textContent === 'Model on its way'`)
	p.click("#language")
	p.wait("why in Chinese", emptySays+`.startsWith('模型正在送到服务器')`)
}

// A hall that is full says so in both languages, tries again, and lets the page in once
// there is room.
func TestHallFull(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	var others []*websocket.Conn
	for range 128 {
		ws, _, err := websocket.DefaultDialer.DialContext(context.Background(), "ws"+strings.TrimPrefix(url, "http")+"/ws/serving", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		others = append(others, ws)
	}
	p := open(t, url+"/serving?lang=en")
	p.wait("that the hall is full", emptySays+`.startsWith('The hall is full') && document.querySelector('#status-text').textContent.startsWith('The hall is full, trying again in')`)
	p.click("#language")
	p.wait("it in Chinese", emptySays+`.startsWith('大厅满了') && document.querySelector('#status-text').textContent.startsWith('大厅已满')`)
	for _, ws := range others {
		ws.Close()
	}
	p.wait("the pool", poolSays+`?.includes('64')`)
}

// Who paused the engine is named to everyone else, who may let it run, in either view and
// language; who did it sees no notice.
func TestHallPausedByAnother(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	ada := joinHall(t, url, "Ada")
	const shown, says = `!document.querySelector('#paused').hidden`, `document.querySelector('#paused-text').textContent`
	const status = `document.querySelector('#status-text').textContent`
	ada.send(&wire.HallControl{Op: wire.HallPause})
	p.wait("who paused", shown+` && `+says+`.startsWith('Ada has paused') && `+status+` === 'Paused by Ada'`)
	p.click("#tab-races")
	p.click("#language")
	p.wait("it in Chinese", shown+` && `+says+`.startsWith('Ada为大厅') && `+status+` === 'Ada已暂停'`)
	p.click("#paused-resume")
	p.wait("the engine runs", `!(`+shown+`) && `+status+` === '没有要做的事'`)
	p.click("#tab-memory")
	p.click("#run")
	p.wait("the own pause", status+` === '已暂停'`)
	if eval[bool](p, shown) {
		t.Error("who paused the engine is told so")
	}
}

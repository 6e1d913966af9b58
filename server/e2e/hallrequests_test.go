package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitrine/engine/modeltest/tinymodel"
)

// serveLong serves a model of random weights, which is done with a request in a moment.
func serveLong(t *testing.T) (url string) {
	t.Helper()
	return serveFolder(t, tinymodel.LongFolder(t, 4096))
}

// hallIn opens the hall in a language and waits for its pool.
func hallIn(t *testing.T, url, lang string) *tab {
	t.Helper()
	p := open(t, url+"/serving?lang="+lang)
	p.wait("the hall has a pool", poolSays+`?.includes('64')`)
	return p
}

// added is how many requests the list of readers tells of.
const added = `[...document.querySelectorAll('#readers .n')].reduce((n, e) => n + parseInt(e.textContent), 0)`

const problemSays = `(document.querySelector('#problem').hidden ? '' : document.querySelector('#problem-text').textContent)`

// Every sort of request is added by one, eight and thirty-two, and all of them end.
func TestHallEverySortOfRequest(t *testing.T) {
	t.Parallel()
	p := hallIn(t, serveLong(t), "en")
	begins := map[string]string{}
	p.set("#set-blocks", "512") // so many at once that the record of one sort holds all of them
	for value, name := range []string{"short", "long", "mixed", "shared", "own"} {
		p.click("#set")
		p.wait("a new pool", poolSays+`.includes('512 blocks') && `+added+" === 0")
		total := 0
		p.set("#add-sort", fmt.Sprint(value))
		if own := eval[bool](p, "document.querySelector('#add-text').checkVisibility()"); own != (name == "own") {
			t.Errorf("%s: the field for one's own text is shown: %v", name, own)
		}
		if name == "own" {
			p.set("#add-text", "What would 重力 do to an apple?")
		}
		for _, n := range []int{1, 8, 32} {
			total += n
			p.click(fmt.Sprintf("#add-%d", n))
			p.wait(fmt.Sprintf("%d more of the sort %s", n, name), fmt.Sprintf("%s === %d", added, total))
		}
		p.wait("the end of "+name, `document.querySelector('#status-text').textContent === 'Nothing to do'`)
		p.wait("nothing is held", poolSays+`.includes(' 0 held')`)
		if name == "shared" {
			said := eval[string](p, meter("hits"))
			if hits, err := strconv.ParseFloat(strings.TrimSuffix(said, " %"), 64); err != nil || hits < 90 || hits > 100 {
				t.Errorf("with the same system prompt the hit rate is %q, want at least 90 %%", said)
			}
		}
		begins[name] = eval[string](p, "document.querySelector('#chosen-title').textContent")
		if said := eval[string](p, problemSays); said != "" {
			t.Errorf("%s: the page complains: %s", name, said)
		}
	}
	if !strings.Contains(begins["own"], "重力") || begins["short"] == begins["own"] {
		t.Errorf("the chosen requests were %q", begins)
	}
}

// Requests arrive by themselves for as long as they are let, as often as the slider says.
func TestHallArrivals(t *testing.T) {
	t.Parallel()
	p := hallIn(t, serveLong(t), "en")
	p.set("#add-sort", "0")
	p.set("#rate", "3")
	p.wait("the rate", `document.querySelector('#rate-value').textContent.includes('8')`)
	p.click("#arrive")
	const inForce = "document.querySelector('#arrive-says').textContent !== ''" // the box is unticked before the server hears of it
	p.wait("they arrive", inForce)
	p.wait("eight have come", added+" >= 8")
	p.click("#arrive")
	p.wait("it is switched off", "!document.querySelector('#arrive').checked && !("+inForce+")")
	p.wait("they have ended", `document.querySelector('#status-text').textContent === 'Nothing to do'`)
	n := eval[int](p, added)
	time.Sleep(time.Second) // in which eight would come
	if more := eval[int](p, added); more != n {
		t.Errorf("%d requests came after the end of the arrivals", more-n)
	}
}

// In Chinese: one cancels a request of several, steps the engine, goes back and
// forth in the record, and reads what is wrong; nothing of it is in English.
func TestHallInChinese(t *testing.T) {
	t.Parallel()
	script := axeScript(t)
	p := hallIn(t, serveLong(t), "zh")
	p.click("#run")
	p.wait("the pause", `document.querySelector('#status-text').textContent === '已暂停'`)
	p.set("#add-sort", "2")
	p.click("#add-8")
	p.wait("eight requests", added+" === 8")
	for n := 1; n <= 2; n++ {
		p.click("#step")
		p.wait("a step", fmt.Sprintf(`document.querySelector('#moment').textContent.startsWith('第 %d 步：')`, n))
	}
	after := eval[string](p, chartSays)
	p.click("#cancel")
	p.wait("the request is cancelled", `document.querySelector('#chosen-says').textContent.startsWith('已取消')`)
	p.click("#back")
	p.click("#back")
	p.wait("the first step", `document.querySelector('#moment').textContent.startsWith('第 1 步')`)
	p.wait("it was not cancelled then", `!document.querySelector('#chosen-says').textContent.startsWith('已取消')`)
	p.click("#on")
	p.wait("the second step again", `document.querySelector('#moment').textContent.startsWith('第 2 步：')`)
	p.click("#live")
	p.wait("now", `document.querySelector('#chosen-says').textContent.startsWith('已取消')`)
	if !strings.Contains(after, "步") || !p.paints("#gantt canvas") {
		t.Errorf("the chart says %q", after)
	}
	p.set("#add-sort", "4")
	p.set("#add-text", " ")
	p.click("#add-1")
	p.wait("what is wrong", problemSays+`.startsWith('服务器不接受“消息”：')`)
	eval[bool](p, script+"; true")
	for _, view := range []string{"memory", "races"} {
		p.click("#tab-" + view)
		p.wait("the view "+view, fmt.Sprintf("!document.querySelector('#panel-%s').hidden", view))
		p.violatesNothing("a problem, Chinese, " + view)
		if text := eval[string](p, "document.body.innerText"); latinSentence.MatchString(text) {
			t.Errorf("the Chinese page says %q", latinSentence.FindString(text))
		}
	}
	p.click("#language")
	p.wait("the same in English", problemSays+`.startsWith('The server did not take the message: it is empty')`)
	p.click("#problem-close")
	p.wait("it is gone", problemSays+" === ''")
}

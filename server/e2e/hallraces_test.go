package e2e_test

import (
	"fmt"
	"regexp"
	"testing"
)

// curve is where a side's line lies in the picture of a race, by its colour: the
// first and the last column, the upper- and the lowermost row, and how many pixels.
type curve struct{ Left, Right, Top, Bottom, Pixels int }

// raceCurves finds the lines of all sides by the colours of the table's rows.
const raceCurves = `(() => { const c = document.querySelector('#race-curve canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
	return [...document.querySelectorAll('#race-table tbody i')].map(e => {
		const [r, g, b] = getComputedStyle(e).getPropertyValue('--swatch').match(/\d+/g).map(Number);
		const f = {Left: c.width, Right: -1, Top: c.height, Bottom: -1, Pixels: 0};
		for (let i = 0; i < d.length; i += 4) if (Math.abs(d[i]-r) + Math.abs(d[i+1]-g) + Math.abs(d[i+2]-b) < 12) {
			const x = i/4 % c.width, y = Math.floor(i/4/c.width); f.Pixels++;
			f.Left = Math.min(f.Left, x); f.Right = Math.max(f.Right, x); f.Top = Math.min(f.Top, y); f.Bottom = Math.max(f.Bottom, y) }
		return f }) })()`

// Every race is run in the page: it says how far it is, and at the end the ratio; each
// of its sides has a row of figures and a line in the picture.
func TestHallEveryRace(t *testing.T) {
	t.Parallel()
	script := axeScript(t)
	p := hallIn(t, serveLong(t), "en")
	p.allowed = []string{"willReadFrequently"} // this test reads the picture
	p.click("#tab-races")
	eval[bool](p, script+"; true")
	const says = "document.querySelector('#race-says').textContent"
	for i, race := range []struct {
		sides  []string
		ratio  string // a pattern of the sentence at the end
		sameX  bool   // the lines end at the same place across, as they do where that is tokens
		zhEnds string // how it begins in Chinese
	}{
		{[]string{"paged", "contiguous"}, `^At equal memory, paging runs [0-9.]+ × as many`, false, "内存相同时"},
		{[]string{"continuous", "static, padded", "one by one"}, `^Continuous batching is [0-9.]+ × as fast as static and [0-9.]+ × as fast as one by one`, false, "连续批处理"},
		{[]string{"prefix cache on", "prefix cache off"}, `^With the prefix cache [0-9.]+ × fewer tokens`, false, "有前缀缓存时"},
		{[]string{"KV cache", "no cache"}, `^Without the KV cache the same tokens take [0-9.]+ × as long`, true, "没有 KV 缓存"},
		{[]string{"prompt lookup", "no speculation"}, `^With prompt lookup the tokens come [0-9.]+ × as fast: [0-9]+ of [0-9]+ guesses`, false, "有"},
	} {
		p.click(fmt.Sprintf("#race-%d", i+1))
		p.wait("the race is chosen", fmt.Sprintf("document.querySelector('#race-%d').getAttribute('aria-pressed') === 'true'", i+1))
		p.wait(fmt.Sprintf("the ratio of race %d", i+1), fmt.Sprintf("/%s/.test(%s)", race.ratio, says))
		if rows := eval[[]string](p, "[...document.querySelectorAll('#race-table tbody th')].map(e => e.textContent)"); fmt.Sprint(rows) != fmt.Sprint(race.sides) {
			t.Errorf("race %d: the sides are %q, want %q", i+1, rows, race.sides)
		}
		cells := eval[[][]string](p, "[...document.querySelectorAll('#race-table tbody tr')].map(r => [...r.querySelectorAll('td')].map(e => e.textContent))")
		for _, row := range cells {
			for _, k := range []int{0, 1, 2, 3, 4} { // time, rate, tokens through the model, steps, at once
				if !regexp.MustCompile(`[1-9]`).MatchString(row[k]) {
					t.Errorf("race %d: the figures are %q", i+1, row)
				}
			}
		}
		p.wait("the curves are those of the table", raceCurves+fmt.Sprintf(".filter(f => f.Pixels > 20).length === %d", len(race.sides)))
		lines := eval[[]curve](p, raceCurves)
		for k, line := range lines {
			if line.Right-line.Left < 5 || line.Bottom-line.Top < 5 {
				t.Errorf("race %d: the line of %s is %+v", i+1, race.sides[k], line)
			}
		}
		if race.sameX {
			with, without := lines[0], lines[1]
			if d := with.Right - without.Right; d < -12 || d > 12 || without.Top >= with.Top {
				t.Errorf("race %d: the lines are %+v; they should end above each other", i+1, lines)
			}
		}
		if said := eval[string](p, "document.querySelector('#race-note').textContent"); !regexp.MustCompile(`All sides gave the same tokens`).MatchString(said) {
			t.Errorf("race %d: %s", i+1, said)
		}
		p.violatesNothing(fmt.Sprintf("race %d", i+1))
		p.click("#language")
		p.wait("Chinese", fmt.Sprintf("%s.startsWith(%q)", says, race.zhEnds))
		if text := eval[string](p, "document.querySelector('#panel-races').innerText"); latinSentence.MatchString(text) {
			t.Errorf("race %d: the Chinese page says %q", i+1, latinSentence.FindString(text))
		}
		p.click("#language")
	}
}

package e2e_test

import "testing"

// Two pages see the same arrivals: their rate and sort as they are in force, whoever
// chose them, and a sort that one chooses for requests of its own leaves them alone.
func TestHallSharesArrivals(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	a, b := openHall(t, url), openHall(t, url)
	const rate, says = `document.querySelector('#rate-value').textContent`, `document.querySelector('#arrive-says').textContent`
	a.set("#add-sort", "1")
	a.set("#rate", "2")
	a.click("#arrive")
	for _, p := range []*tab{a, b} {
		p.wait("the arrivals", `document.querySelector('#arrive').checked && `+rate+` === '4 a second' && `+says+`.startsWith('long')`)
	}
	b.set("#add-sort", "0")
	b.click("#add-1")
	a.wait("b's own request", `document.querySelector('#readers').textContent.includes('1 request')`)
	b.set("#rate", "1")
	a.wait("b's rate, and a's sort", rate+` === '2 a second' && `+says+`.startsWith('long')`)
	b.set("#rate", "1.5")
	a.wait("b's next rate, and still a's sort", rate+` === '2.83 a second' && `+says+`.startsWith('long')`)
	b.click("#arrive")
	a.wait("the end of the arrivals", `!document.querySelector('#arrive').checked && `+says+` === ''`)
	// A text of one's own does not arrive by itself, and the page says so.
	a.set("#add-sort", "4")
	a.wait("a word why", `document.querySelector('#arrive').disabled && `+says+` !== ''`)
	// With the page, its requests change their language; in a hall where there are no others.
	alone, _ := serve(t, "127.0.0.1:0")
	c := openHall(t, alone)
	c.click("#language")
	c.set("#add-sort", "0")
	c.click("#add-1")
	const title = `document.querySelector('#chosen-title').textContent`
	c.wait("a Chinese request", `/[\u4e00-\u9fff]{6}/.test(`+title+`) && !/[a-z]{3}/.test(`+title+`)`)
}

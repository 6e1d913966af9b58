package main

import (
	"go/format"
	"strconv"
	"strings"

	. "github.com/mmcloughlin/avo/build"
)

// kernel begins a kernel. Its comment tells what it does, and then the same in Go: the
// body that the stub would have, which tests compile and run (see package kernel's
// TestStubsAreGo; testdata/stubs.go has the helpers that it names). notes come behind it.
func kernel(name, signature, doc, code string, notes ...string) {
	TEXT(name, attrs, signature)
	Pragma("noescape")
	Doc(comment(doc, code, notes...)...)
}

// comment is the lines of a kernel's comment. It panics where code is no Go.
func comment(doc, code string, notes ...string) []string {
	lines := append(strings.Split(doc, "\n"), "")
	formatted, err := format.Source([]byte(code))
	if err != nil {
		panic(doc + "\n" + code + "\n" + err.Error())
	}
	for line := range strings.Lines(strings.Trim(string(formatted), "\n")) {
		line = strings.TrimRight(line, " \t\n")
		if line == "" {
			continue // one ends a comment's code
		}
		lines = append(lines, "\t"+line)
	}
	for _, note := range notes {
		if note != "" {
			lines = append(lines, append([]string{""}, strings.Split(note, "\n")...)...)
		}
	}
	return lines
}

// with puts words into code, a pair after the other: each name is replaced by its word.
func with(code string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(code) }

// perGroup is code once for a block of one group, and in a loop over its groups for
// others: COLUMNS are the columns k of the group, G is its number, SUM that of its sum
// among those of a block of activations, and LINE where a bunch has these.
func (l layout) perGroup(code string) string {
	if l.groups() == 1 {
		return with(code, "COLUMNS", "k := range 32", "SUM", "0", "LINE", itoa(bunchSum), "G", "0")
	}
	return "for g := range 2 {\n" + with(code, "COLUMNS", "k := 16 * g; k < 16*g+16; k++", "SUM", "1+g", "LINE", itoa(bunchSum+vectorBytes)+"+64*g", "G", "g") + "\n}"
}

// less is the offset that is taken off a number, as Go: " - 8", or nothing.
func (l layout) less() string {
	if l.offset == 0 {
		return ""
	}
	return " - " + itoa(l.offset)
}

// number is the Go for a number of a tile's row less the offset.
func (l layout) number(row string) string {
	if l.offset == 0 {
		return "w.q(" + row + ", k)"
	}
	return "(w.q(" + row + ", k)" + l.less() + ")"
}

// inGroups is code for the scale of each group, and for its minimum if there is one:
// VALUE is that, and AT where it is, step after step.
func (l layout) inGroups(code string, step int) string {
	at := itoa(step * l.kinds())
	if l.groups() == 1 {
		return with(code, "AT", "0", "VALUE", "w.d(row, 0)") + l.minima("\n"+with(code, "AT", itoa(step), "VALUE", "w.m(row, 0)"))
	}
	return "for g := range 2 {\n" + with(code, "AT", at+"*g", "VALUE", "w.d(row, g)") +
		l.minima("\n"+with(code, "AT", at+"*g+"+itoa(step), "VALUE", "w.m(row, g)")) + "\n}"
}

// minima is code where there are minima, and else nothing.
func (l layout) minima(code string) string { return when(l.mins, code) }

func itoa(n int) string { return strconv.Itoa(n) }

func when(condition bool, code string) string {
	if condition {
		return code
	}
	return ""
}

// word is the name of a layout in the comments' Go: q41.
func (l layout) word() string { return strings.ToLower(l.name) }

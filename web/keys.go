package web

// A helpKey is a line of the help: keys and what they do. The client's
// keyboard.go acts on them.
type helpKey struct {
	Caps  []string
	Means string // message key
}

func helpKeys() []helpKey {
	return []helpKey{
		{[]string{"1", "…", "6"}, "help.views"},
		{[]string{"←", "→"}, "help.select"},
		{[]string{"Home", "End"}, "help.ends"},
		{[]string{"Space"}, "help.run"},
		{[]string{"."}, "help.step"},
		{[]string{"r"}, "help.rewind"},
		{[]string{"s"}, "help.stop"},
		{[]string{"n"}, "help.new"},
		{[]string{"/"}, "help.compose"},
		{[]string{"↑", "↓", "←", "→"}, "help.picture"},
		{[]string{"Enter"}, "help.keep"},
		{[]string{"+", "−", "0"}, "help.zoom"},
		{[]string{"Esc"}, "help.unlock"},
		{[]string{"l"}, "help.language"},
		{[]string{"t"}, "help.theme"},
		{[]string{"?"}, "help.help"},
	}
}

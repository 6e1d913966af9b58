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

// hallKeys are those of the hall; the client's hall/run.go acts on them.
func hallKeys() []helpKey {
	return []helpKey{
		{[]string{"Space"}, "guide.key_run"},
		{[]string{"."}, "guide.key_step"},
		{[]string{"←", "→"}, "guide.key_move"},
		{[]string{"End"}, "guide.key_live"},
		{[]string{"1", "2"}, "help.views"},
		{[]string{"↑", "↓", "←", "→"}, "guide.key_picture"},
		{[]string{"Enter"}, "guide.key_choose"},
		{[]string{"Esc"}, "help.unlock"},
		{[]string{"l"}, "help.language"},
		{[]string{"t"}, "help.theme"},
		{[]string{"?"}, "help.help"},
	}
}

package session

import (
	"embed"
	"slices"

	"vitrine/engine"
	"vitrine/engine/model"
	"vitrine/server/machine"
	"vitrine/server/source"
	"vitrine/server/telling"
	"vitrine/visualizer"
	pageview "vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/resample"
)

// own is the text of what this package computes itself for the page.
//
//go:embed operands.go rate.go
var own embed.FS

// sources are the texts of everything that computes a number of the page.
var sources = source.Trees{
	"engine": engine.Sources, "visualizer": visualizer.Sources, "wasm/resample": resample.Sources, "server/session": own, "server/machine": machine.Sources,
}

// findSource answers with the text of a function.
func findSource(q *wire.Query) (wire.Frame, error) {
	f, err := sources.Find(q.Text)
	if err != nil {
		return nil, &telling.BadField{Field: "Text", Why: telling.From("it is "+err.Error(), "told.no_source")}
	}
	return &wire.Source{Query: q.ID, Func: q.Text, File: f.File, Line: uint32(f.Line), Text: f.Text}, nil
}

// functions are the names of all functions whose source the page can ask for
// when the model runs on a backend.
func functions(backend string) []string {
	names := slices.Concat(pageview.Functions(backend), resample.Functions(), []string{funcAttend})
	for p := model.Embed; p <= model.Logits; p++ {
		names = append(names, engine.FuncName(p, backend))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

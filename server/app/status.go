package app

import (
	"vitrine/engine/hub"
	"vitrine/visualizer/wire"
)

// statusOf tells the page of a download.
func statusOf(name string, e hub.Event) wire.Status {
	return wire.Status{
		Phase:    wire.PhaseDownloading,
		Name:     name,
		Received: uint64(e.Received),
		Total:    uint64(e.Total),
		Rate:     float32(e.Rate),
		Source:   sourceName(e.Source),
	}
}

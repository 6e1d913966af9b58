package app

import (
	"errors"
	"strconv"
	"strings"

	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/server/remote"
	"vitrine/server/telling"
)

// failure says in every language of the page why there is no model. In English
// it is the error's own text, but for a full disk, which people meet and mend; the other languages name what it is about and
// what would help, and the log has the rest.
func failure(model string, err error) telling.Message {
	english := err.Error()
	var (
		memory *load.MemoryError
		option *load.OptionError
		disk   *hub.DiskError
		sum    *hub.ChecksumError
		pull   *hub.PullError
		path   *hub.PathError
		other  *remote.Error
	)
	switch {
	case errors.As(err, &memory):
		return telling.From(english, "told.no_memory", "Blocks", memory.Blocks, "Memory", memory.Memory, "Most", memory.Most, "Size", memory.BlockSize)
	case errors.As(err, &option):
		return telling.From(english, "told.option", "Option", option.Option, "Got", option.Got)
	case errors.As(err, &disk) && disk.Full():
		return diskFull(disk)
	case errors.As(err, &disk):
		return telling.From(english, "told.disk", "Path", disk.Path, "Kept", disk.Kept)
	case errors.As(err, &pull):
		var tried []string
		for _, a := range pull.Attempts {
			tried = append(tried, a.Where)
		}
		key := "told.not_fetched"
		if errors.As(err, &sum) {
			key = "told.checksum"
		}
		return telling.From(english, key, "Model", pull.Model, "Tried", strings.Join(tried, ", "))
	case errors.As(err, &path):
		return telling.From(english, "told.path", "Path", path.Path)
	case errors.As(err, &other):
		return telling.From(english, "told.remote_failed", "Address", other.Address, "Status", other.Status)
	}
	return telling.From(english, "told.not_loaded", "Model", model)
}

// diskFull says of a full disk what is known: how much is missing, and how much has come
// and is kept, which there may be none of.
func diskFull(disk *hub.DiskError) telling.Message {
	need, kept := megabytes(disk.Need), megabytes(disk.Kept)
	switch {
	case disk.Need <= 0:
		return telling.Of("told.disk_full_somewhere", "Path", disk.Path)
	case disk.Kept <= 0:
		return telling.Of("told.disk_full_at_once", "Path", disk.Path, "Need", need)
	}
	return telling.Of("told.disk_full", "Path", disk.Path, "Need", need, "Kept", kept)
}

// megabytes is a number of bytes as the page writes those of a download.
func megabytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64) + " MB"
}

// sources are what the page calls the places that a model comes from.
var sources = map[hub.Source]string{
	hub.FromHub:     "told.source_hub",
	hub.FromMirror:  "told.source_mirror",
	hub.FromPackage: "told.source_package",
}

// sourceName is what the page calls a source.
func sourceName(s hub.Source) string {
	if key, known := sources[s]; known {
		return telling.Of(key).Told()
	}
	return string(s)
}

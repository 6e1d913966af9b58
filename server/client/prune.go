package client

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keptClients is how many versions of the client the cache holds: enough to go
// back and forth between some commits without building again.
const keptClients = 4

// prune removes all but the newest clients from the folder cache; the one in
// newest counts as such whatever its time. Unfinished ones that a killed
// process left go after an hour.
func prune(cache, newest string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	type client struct {
		dir string
		at  time.Time
	}
	var old []client
	for _, e := range entries {
		info, err := e.Info()
		dir := filepath.Join(cache, e.Name())
		if err != nil || !e.IsDir() || dir == newest {
			continue
		}
		unfinished := e.Name()[0] == '.'
		if unfinished && time.Since(info.ModTime()) > time.Hour {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		if !unfinished {
			old = append(old, client{dir, info.ModTime()})
		}
	}
	slices.SortFunc(old, func(a, b client) int { return cmp.Compare(b.at.UnixNano(), a.at.UnixNano()) })
	for _, c := range old[min(len(old), keptClients-1):] {
		if err := os.RemoveAll(c.dir); err != nil {
			return err
		}
	}
	return nil
}

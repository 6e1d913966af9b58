package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/a-h/templ"

	"vitrine/server/assets"
	"vitrine/web"
)

// staticTree are the files of both pages, the same for every server of a process.
var staticTree = sync.OnceValues(func() (assets.Tree, error) { return assets.NewTree(web.Static, assets.Quick) })

// pages is a page in each language, rendered once.
type pages map[string]*assets.Asset

func newPages(c Config, page func(web.Props) templ.Component) (pages, error) {
	p := pages{}
	for _, lang := range []string{"en", "zh"} {
		var html bytes.Buffer
		if err := page(web.Props{Lang: lang, Version: c.Version, Remote: c.Engine.URL != ""}).Render(context.Background(), &html); err != nil {
			return nil, fmt.Errorf("page in %s: %w", lang, err)
		}
		p[lang] = assets.New("text/html; charset=utf-8", html.Bytes(), assets.Quick)
	}
	return p, nil
}

// ServeHTTP serves the page in the language that the request asks for.
func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept-Language, Cookie")
	p[web.Language(r)].ServeHTTP(w, r)
}

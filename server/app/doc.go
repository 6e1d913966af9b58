// Package app is the running server: the page, its files and its socket over
// one HTTP listener, and the engine behind them.
//
// [Start] listens at once. The browser client is built and the model fetched
// and loaded beside it, and the page says how far that is; GET /health answers
// 200 when the model answers requests and 503, with a word, before.
package app

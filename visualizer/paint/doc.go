// Package paint turns numbers into pixels.
//
// Every picture of the page that holds many values (attention atlas, attention
// matrix, vectors, KV blocks, projections, distributions) is painted here into
// one RGBA byte slice. The package is pure Go and knows nothing of a DOM, so
// the same code runs natively, where its pictures are compared with golden
// ones, and in the browser, where the client copies [Canvas.Pix] to a canvas
// element with one CopyBytesToJS and one putImageData.
//
// # Coordinates
//
// All sizes and positions are device pixels, (0, 0) is the top left pixel of
// the canvas. The caller multiplies CSS pixels by the device's pixel ratio.
//
// # Widgets
//
// A widget is laid out once for a size (Layout), painted as often as its
// numbers change (Paint), asked what lies under the pointer (At) and where
// something lies (methods returning a [Rect]). It draws no text: the
// client sets text over the rectangles that the widget gives, so text stays
// selectable, translatable and legible to a screen reader. A widget holds no
// reference to its numbers beyond what its documentation says.
//
// # Colour
//
// A [Theme] holds the colours of the light or the dark page and the tables of
// the colour scales. A [Scale] states the range it shows, and [Scale.Paint]
// and [Scale.Ticks] make its legend, so that no picture needs to be read
// without its range. Colour never stands alone: what is removed is hatched,
// what is hashed has a border, what is shared is striped, what is unknown is
// dotted.
//
// Nothing in this package panics on odd numbers: rectangles are clipped,
// missing values and NaN are painted as unknown, infinities take the end of
// the scale.
package paint

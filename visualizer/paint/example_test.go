package paint_test

import (
	"fmt"

	"vitrine/visualizer/paint"
)

// oneHead is a sequence of three positions seen by one head of one layer, as
// it travels on the wire.
type oneHead struct{}

func (oneHead) Row(q, layer, head int) []uint8 {
	return [][]uint8{{255}, {180, 180}, {50, 242, 60}}[q]
}

func ExampleAtlas() {
	var atlas paint.Atlas
	canvas, theme := new(paint.Canvas), paint.Light()
	w, h := atlas.Layout(1, 1, 80, 0, 80)
	atlas.Paint(canvas, theme, oneHead{}, 3)

	fmt.Println("size", w, h)
	layer, head, q, k, _ := atlas.At(15, 25)
	weight := oneHead{}.Row(q, layer, head)[k]
	fmt.Printf("query %d reads key %d with %.2f, painted %s\n",
		q, k, float64(weight)/255*float64(weight)/255, canvas.Pixel(15, 25).Hex())
	// Output:
	// size 80 80
	// query 2 reads key 1 with 0.90, painted #2e2786
}

func ExampleScale_Ticks() {
	for _, tick := range paint.Light().Attention().Ticks() {
		fmt.Printf("%s at %.2f\n", tick.Text, tick.At)
	}
	// Output:
	// 0 at 0.00
	// 0.01 at 0.10
	// 0.1 at 0.32
	// 0.3 at 0.55
	// 1 at 1.00
}

func ExampleDrawn() {
	cumulative := []float32{0.6, 0.9, 1} // probabilities 0.6, 0.3, 0.1
	fmt.Println(paint.Drawn(cumulative, 0.25), paint.Drawn(cumulative, 0.75))
	// Output: 0 1
}

package paint

import (
	"math"
	"testing"
)

func TestScaleIndex(t *testing.T) {
	th := Light()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name  string
		scale Scale
		value float32
		want  uint8
		ok    bool
	}{
		{"no attention", th.Attention(), 0, 0, true},
		{"all attention", th.Attention(), 1, 255, true},
		{"a quarter by square root", th.Attention(), 0.25, 128, true},
		{"beyond the end", th.Attention(), 2, 255, true},
		{"below the start", th.Attention(), -1, 0, true},
		{"a small probability", th.Probability(), 0.0001, 3, true},
		{"not a number", th.Attention(), nan, 0, false},
		{"signed zero", th.Signed(2), 0, 128, true},
		{"signed end", th.Signed(2), 2, 255, true},
		{"signed start", th.Signed(2), -2, 0, true},
		{"signed half", th.Signed(2), -1, 64, true},
		{"infinite", th.Signed(2), inf, 255, true},
		{"minus infinite", th.Signed(2), -inf, 0, true},
		{"limit that is no limit", th.Signed(0), 1, 255, true},
		{"limit not a number", th.Signed(nan), -1, 0, true},
		{"infinite limit", th.Signed(inf), 1, 255, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.scale.Index(tt.value)
			if got != tt.want || ok != tt.ok {
				t.Errorf("index of %g is %d, %v; want %d, %v", tt.value, got, ok, tt.want, tt.ok)
			}
			want := Color{}
			if ok {
				want = tt.scale.At(got)
			}
			if c := tt.scale.Color(tt.value); c != want {
				t.Errorf("colour of %g is %v, want %v", tt.value, c, want)
			}
		})
	}
}

// TestScaleIsTheWire holds the attention scale to the form in which weights travel.
func TestScaleIsTheWire(t *testing.T) {
	s := Light().Attention()
	for i := range 1001 {
		a := float32(i) / 1000
		if got, _ := s.Index(a); got != Weight8(a) {
			t.Errorf("weight %g has the index %d, travels as %d", a, got, Weight8(a))
		}
	}
}

func TestTicks(t *testing.T) {
	texts := func(s Scale) (text string) {
		for _, tick := range s.Ticks() {
			text += tick.Text + " "
			if u, _ := s.unit(tick.Value); math.Abs(u-float64(tick.At)) > 1e-6 {
				t.Errorf("%g stands at %g, want %g", tick.Value, tick.At, u)
			}
		}
		return text
	}
	if got := texts(Light().Attention()); got != "0 0.01 0.1 0.3 1 " {
		t.Errorf("attention has the ticks %q", got)
	}
	if got := texts(Dark().Signed(12.345)); got != "−12.3 0 12.3 " {
		t.Errorf("±12.345 has the ticks %q", got)
	}
}

func TestScalePaint(t *testing.T) {
	th := Light()
	s := th.Signed(1)
	c := NewCanvas(20, 20)
	s.Paint(c, Rect{2, 3, 10, 4})
	for i, x := range []int{2, 11} {
		if got, want := c.Pixel(x, 6), s.At(uint8(255*i)); got != want {
			t.Errorf("end %d of the level bar is %v, want %v", i, got, want)
		}
	}
	c.Clear(th.Paper)
	s.Paint(c, Rect{2, 3, 4, 10})
	for i, y := range []int{12, 3} {
		if got, want := c.Pixel(5, y), s.At(uint8(255*i)); got != want {
			t.Errorf("end %d of the upright bar is %v, want %v", i, got, want)
		}
	}
	s.Paint(c, Rect{0, 0, 1, 1}) // one pixel, none, and beyond the canvas
	s.Paint(c, Rect{})
	s.Paint(c, Rect{-5, -5, 100, 3})
}

func TestLimits(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	values := []float32{1, -8, nan, 3, inf, 2, -4}
	if got := MaxAbs(values); got != 8 {
		t.Errorf("largest magnitude is %g, want 8", got)
	}
	for _, tt := range []struct{ p, want float32 }{{0, 1}, {-1, 1}, {nan, 1}, {0.2, 1}, {0.21, 2}, {0.6, 3}, {0.8, 4}, {1, 8}, {9, 8}} {
		if got := AbsQuantile(values, tt.p); got != tt.want {
			t.Errorf("quantile %g is %g, want %g", tt.p, got, tt.want)
		}
	}
	if MaxAbs(nil) != 0 || AbsQuantile([]float32{nan}, 0.5) != 0 {
		t.Error("no values have a limit other than 0")
	}
}

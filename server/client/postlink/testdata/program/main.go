// Command program does what a rewrite of its code could break: it switches
// goroutines in the depth of calls, grows stacks, collects garbage while
// pointers lie in them, panics and recovers, jumps in every way, calls through
// values and interfaces, and is called by the host. It prints what it finds.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		fall(3)
	}
	fmt.Println("jumps", jumps(1), jumps(2), jumps(27), jumps(97))
	fmt.Println("labels", labels(9))
	fmt.Println("stack", depth(20000, 1))
	fmt.Println("garbage", garbage(300).sum())
	fmt.Println("goroutines", goroutines())
	fmt.Println("in the depth", <-deep(50))
	fmt.Println("recovered", recovered(0), recovered(1), recovered(2), recovered(3))
	fmt.Println("deferred", deferred())
	fmt.Println("callers", callers())
	fmt.Println("values", values())
	fmt.Println("floats", floats())
	fmt.Println("maps", maps())
	fmt.Println("host", host())
	fmt.Println("range", slices.Collect(odd(11)))
}

// jumps has conditions in conditions, and loops left from their middle.
func jumps(n int) string {
	var b strings.Builder
	for steps := 0; ; steps++ {
		switch {
		case n == 1:
			fmt.Fprintf(&b, "end after %d", steps)
			return b.String()
		case n%2 == 0:
			n /= 2
			if n%5 == 0 {
				b.WriteByte('f')
			}
			continue
		case steps > 40:
			b.WriteString("stop")
			return b.String()
		}
		n = 3*n + 1
		if n > 100 && n < 200 || n > 1000 {
			b.WriteByte('+')
		} else if n&4 != 0 {
			b.WriteByte('-')
		}
	}
}

func labels(n int) (found []int) {
outer:
	for i := 2; i < n*n; i++ {
		for j := 2; j*j <= i; j++ {
			if i%j == 0 {
				continue outer
			}
			if len(found) == n {
				break outer
			}
		}
		found = append(found, i)
	}
	goto out
out:
	return found
}

// depth makes the stack grow, with pointers into it.
func depth(n int, x int) int {
	var local [4]int
	p := &local[n%4]
	*p = x
	if n == 0 {
		return *p
	}
	r := depth(n-1, *p+1)
	return r + local[n%4] - x
}

type node struct {
	left, right *node
	v           int
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.v + n.left.sum() + n.right.sum()
}

// garbage builds a list while collections run that only the stack keeps it from.
func garbage(n int) *node {
	var root *node
	for i := range n {
		root = &node{root, &node{v: i}, i}
		_ = make([]byte, 1<<14)
		if i%50 == 0 {
			runtime.GC()
		}
	}
	return root
}

func goroutines() (sum int) {
	var wait sync.WaitGroup
	var lock sync.Mutex
	in, out := make(chan int), make(chan int, 3)
	for range 7 {
		wait.Go(func() {
			for v := range in {
				runtime.Gosched()
				lock.Lock()
				sum += v
				lock.Unlock()
				out <- v * v
			}
		})
	}
	go func() {
		for i := range 200 {
			in <- i
		}
		close(in)
		wait.Wait()
		close(out)
	}()
	squares, ticks := 0, 0
	for out != nil {
		select {
		case v, ok := <-out:
			if !ok {
				out = nil
				break
			}
			squares += v
		case <-time.After(time.Second):
			ticks++
		}
	}
	return sum + squares + ticks
}

// deep sleeps at the bottom of a recursion: every frame is left and entered again.
func deep(n int) <-chan string {
	c := make(chan string)
	var down func(n int) string
	down = func(n int) string {
		if n == 0 {
			time.Sleep(time.Millisecond)
			return "."
		}
		if n%2 == 0 {
			return "a" + down(n-1)
		}
		return down(n-1) + "b"
	}
	go func() { c <- down(n) }()
	return c
}

var errOwn = errors.New("own")

func recovered(kind int) (s string) {
	defer func() {
		switch r := recover().(type) {
		case runtime.Error:
			s = "runtime: " + r.Error()
		case error:
			s = "error: " + r.Error()
		case string:
			s = "string: " + r
		}
	}()
	var none *node
	switch short := []int{1}; kind {
	case 0:
		return fmt.Sprint(short[kind+len(os.Args)])
	case 1:
		return fmt.Sprint(none.v)
	case 2:
		panic(fmt.Errorf("wrapped: %w", errOwn))
	default:
		panic("text")
	}
}

func deferred() (order string) {
	for i := range 3 {
		defer func() { order += fmt.Sprint(i) }()
	}
	func() {
		defer func() {
			recover()
			order += "r"
		}()
		defer func() { panic("second") }()
		panic("first")
	}()
	return "n"
}

func callers() string {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var names []string
	for {
		f, more := frames.Next()
		names = append(names, f.Function)
		if !more {
			return strings.Join(names, " ")
		}
	}
}

type shape interface{ area() float64 }
type square float64
type circle struct{ r float64 }

func (s square) area() float64  { return float64(s * s) }
func (c *circle) area() float64 { return math.Pi * c.r * c.r }

func values() string {
	total := 0.0
	for _, s := range []shape{square(2), &circle{1.5}} {
		area := s.area
		total += area()
		if _, ok := s.(*circle); ok {
			total *= 2
		}
	}
	big := [64]uint16{5: 7, 63: 9}
	other := big
	other[5]++
	return fmt.Sprintf("%.6f %v %v", total, big != other, func(a [64]uint16) uint16 { return a[5] + a[63] }(other))
}

func floats() string {
	x := 0.0
	for i := 1; i < 1000; i++ {
		x += math.Sqrt(float64(i)) * math.Sin(float64(i)) / float64(float32(i))
	}
	return fmt.Sprintf("%x %d %d", x, int64(math.Floor(x*1e6)), uint32(int32(-x*1e3)))
}

func maps() string {
	m := map[string]int{}
	for i := range 3000 {
		m[fmt.Sprint(i%700)] += i
	}
	for i := range 350 {
		delete(m, fmt.Sprint(2*i))
	}
	sum := 0
	for _, v := range m {
		sum += v
	}
	return fmt.Sprint(len(m), sum)
}

func odd(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := 1; i <= n; i += 2 {
			if !yield(i) {
				return
			}
		}
	}
}

func fall(n int) {
	if n == 0 {
		panic("fallen")
	}
	fall(n - 1)
}

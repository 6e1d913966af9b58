package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"github.com/dustin/go-humanize"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/load"
	"vitrine/server/machine"
)

// loaded is a model with what opening it took.
type loaded struct {
	*load.Model
	seconds float64
	bytes   int64              // of its file
	memory  *machine.Bandwidth // nil without --machine
	peak    *machine.Peak      // nil without --machine, and where there is no loop for the processor
	level   kernel.Level       // of processor features in use
	// invariant is --batch-invariant.
	invariant bool
}

// open opens the model and measures that, after the memory where that is asked
// for.
func (b *benchFlags) open(ctx context.Context, c *cli) (*loaded, error) {
	o, err := b.model.options()
	if err != nil {
		return nil, err
	}
	c.tellMissing(&b.model)
	found, err := c.fetch(ctx, b.model.name)
	if err != nil {
		return nil, err
	}
	l := loaded{invariant: !o.BatchVariant, level: kernel.Best()}
	if level, err := kernel.ParseLevel(o.CPU); err == nil {
		l.level = min(level, l.level)
	}
	if b.machine {
		threads := cmp.Or(o.Threads, runtime.GOMAXPROCS(0))
		memory, err := machine.ReadBandwidth(ctx, threads, machine.Describe().MemoryBuffer())
		if err != nil {
			return nil, err
		}
		l.memory = &memory
		peak, ok, err := machine.MeasurePeak(threads)
		if err != nil {
			return nil, err
		}
		if ok {
			l.peak = &peak
		}
	}
	machine.ResetPeak() // which the buffer of that was
	start := time.Now()
	if l.Model, err = openModel(found, o); err != nil {
		return nil, err
	}
	l.seconds = time.Since(start).Seconds()
	if l.bytes, err = l.FileBytes(); err != nil {
		c.close(l.Model)
		return nil, err
	}
	if average, ok := machine.LoadAverage(); ok && average > float64(runtime.GOMAXPROCS(0))/2 {
		c.log.Warn("other programs use the processors; figures of a busy machine are worth little", "load average", average)
	}
	return &l, nil
}

// share is the part of the memory's bandwidth that reading the weights, and so many bytes
// of keys and values a step, takes at a rate of tokens a second; 0 where the bandwidth is
// not known.
func (l *loaded) share(rate float64, batch int, kvBytes int64) float64 {
	if l.memory == nil {
		return 0
	}
	share := rate / float64(batch) * float64(l.StepBytes()+kvBytes) / l.memory.BytesPerSecond
	return math.Round(share*1000) / 1000
}

// int8Peak is the peak of bytes with what the model runs on, and its name: AMX's tiles,
// or vectors.
func (l *loaded) int8Peak() (rate float64, with string) {
	if l.level == kernel.AMX && l.peak.AMXInt8 > 0 {
		return l.peak.AMXInt8, machine.AMXInt8With
	}
	return l.peak.Int8, l.peak.Int8With
}

// int8ShareOf is the name of the peak that [loaded.int8Share] is a part of; empty where
// it is not known.
func (l *loaded) int8ShareOf() string {
	if l.peak == nil {
		return ""
	}
	_, with := l.int8Peak()
	return with
}

// int8Share is the part of the int8 peak that a prefill at a rate of tokens a
// second takes: a multiply–add a token for each weight of the layers, for
// logits are made of the last token only. It is 0 where the peak is not known.
func (l *loaded) int8Share(rate float64) float64 {
	if l.peak == nil {
		return 0
	}
	c := l.Config()
	vocabulary := int64(c.Vocab) * int64(c.Width)
	if !c.TieEmbeddings {
		vocabulary *= 2
	}
	peak, _ := l.int8Peak()
	share := rate * float64(c.Parameters-vocabulary) / peak
	return math.Round(share*1000) / 1000
}

// describe writes what is measured on what.
func (l *loaded) describe(out io.Writer) {
	ranks := "" // and what else is not as usual
	if n := l.Ranks(); n > 1 {
		ranks = fmt.Sprintf(" of %d ranks", n)
	}
	if !l.invariant {
		ranks += ", not batch-invariant"
	}
	fmt.Fprintf(out, "%s, %s, %s, %d threads%s; %s loaded in %.2f s\n", l.Name, l.Config().Quantization, l.Backend().Name(), l.Threads, ranks,
		humanize.IBytes(uint64(l.bytes)), l.seconds)
	fmt.Fprint(out, machine.Describe())
	if average, ok := machine.LoadAverage(); ok {
		fmt.Fprintf(out, ", load average %.1f", average)
	}
	if l.memory != nil {
		fmt.Fprintf(out, "; %d threads read %.1f GB/s of memory", l.memory.Threads, l.memory.GB())
	}
	if l.peak != nil {
		fmt.Fprint(out, ", multiply and add ")
		if l.peak.AMXInt8 > 0 {
			fmt.Fprintf(out, "%.2f·10¹² int8 a second (%s), ", l.peak.AMXInt8/1e12, machine.AMXInt8With)
		}
		fmt.Fprintf(out, "%.2f·10¹² int8 a second (%s), %.2f·10¹² float32 (%s)",
			l.peak.Int8/1e12, l.peak.Int8With, l.peak.Float32/1e12, l.peak.Float32With)
	}
	fmt.Fprintln(out)
}

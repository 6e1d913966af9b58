package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"

	"github.com/dustin/go-humanize"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/load"
	"vitrine/server/machine"
)

// loaded is a model with what it is measured against.
type loaded struct {
	*load.Model
	bytes  int64              // of its file
	memory *machine.Bandwidth // nil without --machine
	peak   *machine.Peak      // nil without --machine, and where there is no loop for the level
	level  kernel.Level       // of processor features in use
	with   computing
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
	l := loaded{level: b.model.level()}
	if b.machine {
		threads := cmp.Or(o.Threads, runtime.GOMAXPROCS(0))
		memory, err := machine.ReadBandwidth(ctx, threads, machine.Describe().MemoryBuffer())
		if err != nil {
			return nil, err
		}
		l.memory = &memory
		peak, ok, err := machine.MeasurePeak(threads, l.level)
		if err != nil {
			return nil, err
		}
		if ok {
			l.peak = &peak
		}
	}
	machine.ResetPeak() // which the buffer of that was
	if l.Model, err = openModel(found, o); err != nil {
		return nil, err
	}
	l.with = b.model.computing(l.Model)
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
	return l.shareOf(l.StepBytes()+kvBytes, rate, batch)
}

// shareOf is share for who reads so many bytes a step.
func (l *loaded) shareOf(bytes int64, rate float64, batch int) float64 {
	if l.memory == nil {
		return 0
	}
	share := rate / float64(batch) * float64(bytes) / l.memory.BytesPerSecond
	return math.Round(share*1000) / 1000
}

// int8Peak is the peak of bytes with what the model runs on, and its name: the tiles of
// its level, or else the vectors.
func (l *loaded) int8Peak() (rate float64, with string) {
	if l.peak.AMXInt8 > 0 {
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
	fmt.Fprintf(out, "%s, %s, %v; %s loaded in %.2f s\n", l.Name, l.Config().Quantization, l.with.line(), humanize.IBytes(uint64(l.bytes)), l.Loading.Seconds())
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

package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"vitrine/engine"
)

// A number that is out of range is refused with the same bounds on either side of them.
func TestEngineFlagsOutOfRange(t *testing.T) {
	for args, want := range map[string]string{
		"--block-size 0": "--block-size: got 0, want 1 to 4096", "--block-size -1": "--block-size: got -1, want 1 to 4096",
		"--block-size 4097":          "--block-size: got 4097, want 1 to 4096",
		"--max-num-seqs 0":           "--max-num-seqs: got 0, want 1 or more",
		"--max-num-seqs -3":          "--max-num-seqs: got -3, want 1 or more",
		"--max-model-len -1":         "--max-model-len: got -1, want 0 (the default) or more",
		"--watermark 1":              "--watermark: got 1, want 0 (the default) up to, but not, 1",
		"--watermark NaN":            "--watermark: got NaN, want 0 (the default) up to, but not, 1",
		"--max-num-batched-tokens 0": "--max-num-batched-tokens: got 0, want 1 or more",
	} {
		var f engineFlags
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.options(flags); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

// What the flags of serve say reaches the engine's options.
func TestEngineFlags(t *testing.T) {
	defaults := engine.Options{BlockSize: engine.DefaultBlockSize, MaxBatchTokens: engine.DefaultMaxBatchTokens, MaxSequences: engine.DefaultMaxSequences}
	with := func(change func(*engine.Options)) engine.Options { o := defaults; change(&o); return o }
	for _, c := range []struct {
		args string
		want engine.Options
	}{
		{"", defaults},
		{"--scheduling-policy fcfs --enable-prefix-caching", defaults},
		{"--scheduling-policy priority", with(func(o *engine.Options) { o.Policy = engine.Priority })},
		{"--block-size 8 --max-num-seqs 3 --max-num-batched-tokens 64 --max-model-len 100", with(func(o *engine.Options) {
			o.BlockSize, o.MaxSequences, o.MaxBatchTokens, o.MaxModelLen = 8, 3, 64, 100
		})},
		{"--watermark 0.1", with(func(o *engine.Options) { o.Watermark = 0.1 })},
		{"--num-speculative-tokens 4", with(func(o *engine.Options) { o.PromptLookup.Tokens = 4 })},
		{"--no-enable-prefix-caching", with(func(o *engine.Options) { o.DisablePrefixCaching = true })},
		{"--enable-prefix-caching=false", with(func(o *engine.Options) { o.DisablePrefixCaching = true })},
		{"--enable-prefix-caching=false --no-enable-prefix-caching", with(func(o *engine.Options) { o.DisablePrefixCaching = true })},
	} {
		var f engineFlags
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		if got, err := f.options(flags); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
}

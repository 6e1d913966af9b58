package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// vitrine runs a command line within the test and returns what it did.
func vitrine(ctx context.Context, in string, args ...string) (status int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	status = run(ctx, args, strings.NewReader(in), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // in the error
	}{
		{"frobnicate", `unknown command "frobnicate"`},
		{"generat", "generate"},
		{"--nope", "unknown flag --nope"},
		{"--adr 127.0.0.1:1", "did you mean --addr"},
		{"generate --temprature 1", "did you mean --temperature"},
		{"generate -z", "unknown flag -z"},
		{"--log-level loud", `--log-level: got "loud", want debug, info, warn, error`},
		{"--no-open --log-level warn --threads -1", "--threads: got -1"},
		{"--no-open extra", `takes no argument, got "extra"`},
		{"serve extra", `takes no argument, got "extra"`},
		{"serve --backend gpu", `--backend: got "gpu", want cpu, ref`},
		{"serve --threads many", `--threads: got "many", want a whole number`},
		{"serve --threads -1", "--threads: got -1, want 0"},
		{"serve --kv-blocks -1", "--kv-blocks: got -1"},
		{"serve --max-sessions -1", "--max-sessions: got -1"},
		{"serve --scheduling-policy sjf", `--scheduling-policy: got "sjf", want fcfs, priority`},
		{"serve --block-size 0", "--block-size: got 0, want 1 to 4096"},
		{"serve --block-size 5000", "--block-size: got 5000, want 1 to 4096"},
		{"serve --max-logprobs -2", "--max-logprobs: got -2, want 0 or more, or -1 for the whole vocabulary"},
		{"serve --max-num-seqs -1", "--max-num-seqs: got -1, want 1 or more"},
		{"serve --max-num-batched-tokens few", `--max-num-batched-tokens: got "few", want a whole number`},
		{"serve --max-num-batched-tokens -2", "--max-num-batched-tokens: got -2"},
		{"serve --max-model-len -1", "--max-model-len: got -1"},
		{"serve --num-speculative-tokens 65", "--num-speculative-tokens: got 65, want 0 (the default) to 64"},
		{"serve --enable-prefix-caching=perhaps", `--enable-prefix-caching: got "perhaps", want true or false`},
		{"serve --enable-prefix-caching --no-enable-prefix-caching", "want one of them"},
		{"generate --prompt a --block-size -1", "--block-size: got -1"},
		{"generate --prompt a --num-speculative-tokens 65", "--num-speculative-tokens: got 65"},
		{"generate --prompt a --scheduling-policy fcfs", "unknown flag --scheduling-policy"},
		{"serve --addr", "--addr needs a value"},
		{"serve --addr 8080", "want host:port"},
		{"serve --addr 127.0.0.1:http", `got port "http"`},
		{"serve --addr 127.0.0.1:0 --allowed-hosts http://x", "http://x"},
		{"serve --model nosuchmodel", "nosuchmodel"},
		{"generate", "want exactly one of --prompt, --chat and --ids, got 0"},
		{"generate --prompt a --ids 1", "got 2"},
		{"generate --prompt a --system b", "--system goes with --chat only"},
		{"generate --ids 1,x", "--ids: got"},
		{"generate --temperature hot --prompt a", `--temperature: got "hot", want a number`},
		{"generate --seed -1 --prompt a", `--seed: got "-1", want a whole number, 0 or more`},
		{"generate --ignore-eos=maybe --prompt a", `--ignore-eos: got "maybe", want true or false`},
		{"generate --logit-bias 42 --prompt a", `--logit-bias: got "42", want a token id, =, and a number`},
		{"generate --logit-bias 1=nan --prompt a", "--logit-bias"},
		{"generate --order random --prompt a", `--order: got "random", want vllm, huggingface, llamacpp`},
		{"generate --prompt a --beam-width 0", "--beam-width: got 0, want 1 to 512"},
		{"generate --prompt a --beam-width 2 --temperature 0", "--temperature does not go with --beam-width"},
		{"generate --prompt a --beam-width 2 --regex a", "--regex does not go with --beam-width"},
		{"generate --prompt a --length-penalty 2", "--length-penalty goes with --beam-width only"},
		{"trace --ids 1", "--out is missing"},
		{"bench --repeat 0", "--repeat: got 0"},
		{"bench --batch 0", "--batch: got [0]"},
		{"bench --prompt-tokens 4,-1", "--prompt-tokens: got [4 -1]"},
		{"bench --output-tokens 0", "--output-tokens: got 0"},
		{"bench --depth 0", "--depth: got [0]"},
		{"bench --max-num-batched-tokens -1", "--max-num-batched-tokens: got -1"},
		{"bench --compare llama.cpp", "want llama-bench=PATH"},
		{"tokenize --model a --tokenizer b", "want one of --model and --tokenizer, got both"},
		{"perplexity --context many", `--context: got "many", want a whole number`},
		{"quantize", "quantize takes the name of the .gguf file to write"},
		{"quantize --type q8_0 out.bin", ".gguf file"},
		{"quantize --type q4_k out.gguf", `--type: got "q4_k", want one of f32`},
		{"pull a b", "got 2"},
		{"client", "--out is missing"},
		{"record", "--out is missing"},
		{"record --out x --model nosuchmodel", "--model: no model"},
	} {
		t.Run(c.args, func(t *testing.T) {
			// What is not refused might serve for ever.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			status, out, errOut := vitrine(ctx, "", strings.Fields(c.args)...)
			if status != exitUsage {
				t.Errorf("exit status %d, want %d", status, exitUsage)
			}
			if !strings.Contains(errOut, c.want) {
				t.Errorf("said %q, want it to say %q", errOut, c.want)
			}
			if out != "" {
				t.Errorf("wrote %q to standard output", out)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--help", "serve"},
		{"-h", "Without a command"},
		{"serve --help", "--max-sessions"},
		{"serve --help", "--scheduling-policy"},
		{"pull --help", "--json"},
		{"models --help", "--json"},
		{"tokenize --help", "--tokenizer"},
		{"generate --help", "--repetition-penalty"},
		{"trace --help", "attention.I"},
		{"bench --help", "--prompt-tokens"},
		{"perplexity --help", "llama-perplexity"},
		{"quantize --help", "q8_0"},
		{"--version", "vitrine version"},
		{"--log-level warn models --help", "Lists the models"},
		{"--addr 127.0.0.1:0 --help", "--max-sessions"},
	} {
		status, out, errOut := vitrine(t.Context(), "", strings.Fields(c.args)...)
		if status != exitOK || !strings.Contains(out, c.want) || errOut != "" {
			t.Errorf("%s: exit status %d, %q, %q", c.args, status, out, errOut)
		}
	}
}

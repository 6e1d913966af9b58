"""Runs a workload of `vitrine bench serving` with Hugging Face transformers.

The requests run in static batches, padded on the left, with greedy draws and
without an end-of-sequence token: a batch runs until its longest answer is
done, and of every answer only the tokens up to its own length count. This is
what a program does that calls generate() with a batch. It writes one JSON
object to the standard output.
"""

import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--workload", required=True, help="the workload's .json file")
parser.add_argument("--model", required=True, help="the model's .gguf file, dequantized to float32, or a folder in Hugging Face's layout")
parser.add_argument("--batch", type=int, default=16, help="requests a static batch")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--requests", type=int, default=0, help="run so many requests alone; 0 runs all")
parser.add_argument("--skip", type=int, default=0, help="leave the first so many requests out, to measure a long run in pieces")
parser.add_argument("--order", choices=["arrival", "length"], default="arrival",
                    help="arrival is what a service has; length sorts by the answers' lengths, which no service knows")
parser.add_argument("--mode", choices=["static", "continuous"], default="static",
                    help="static batches, or the library's own continuous batching (generate_batch)")
parser.add_argument("--cache", choices=["dynamic", "static"], default="static",
                    help="how generate() keeps keys and values; static is the faster one here, by a tenth")
parser.add_argument("--compile", action="store_true",
                    help="let generate() compile the steps with a static cache (torch.compile), as it does by itself on a GPU; the first batch's time counts too")
parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
args = parser.parse_args()
if args.compile and (args.cache != "static" or args.mode != "static"):
    parser.error("--compile needs --mode static and --cache static")

# Nothing is fetched: the model lies in a file.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402: reads the environment
import transformers  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def load(path):
    """The model in float32, in evaluation mode."""
    options = {"dtype": torch.float32, "attn_implementation": args.attention}
    if args.mode == "continuous":
        options["attn_implementation"] = "paged|" + args.attention
    if path.endswith(".gguf"):
        folder, file = os.path.split(os.path.abspath(path))
        return transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, **options).eval()
    return transformers.AutoModelForCausalLM.from_pretrained(path, **options).eval()


def prompts(workload, vocabulary):
    """Random tokens, as many as each request has; what they are does not matter for the work."""
    random = torch.Generator().manual_seed(workload["seed"])

    def draw(n):
        return torch.randint(0, vocabulary, (n,), generator=random).tolist()

    shared = draw(workload.get("shared_tokens", 0))
    return [shared + draw(r["prompt_tokens"]) for r in workload["requests"]]


def compilation():
    """Compilation on the processor too, where the library does not do it by itself; None without --compile."""
    if not args.compile:
        return None
    config = transformers.CompileConfig(fullgraph=False, mode="default")
    config._compile_all_devices = True
    return config


def settings(output):
    """Greedy, exactly so many tokens."""
    return transformers.GenerationConfig(
        do_sample=False, max_new_tokens=output, min_new_tokens=output, eos_token_id=None, pad_token_id=0, use_cache=True,
        cache_implementation=None if args.cache == "dynamic" else args.cache, disable_compile=not args.compile,
        compile_config=compilation())


def run_static(model, requests):
    """One batch after the other; returns the number of positions that were computed for nothing but padding."""
    padding = 0
    for start in range(0, len(requests), args.batch):
        batch = requests[start:start + args.batch]
        width = max(len(p) for p, _ in batch)
        output = max(n for _, n in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, (prompt, _) in enumerate(batch):
            ids[row, width - len(prompt):] = torch.tensor(prompt)
            mask[row, width - len(prompt):] = 1
        out = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings(output))
        if out.shape != (len(batch), width + output):
            sys.exit(f"generate returned {tuple(out.shape)}, want {(len(batch), width + output)}")
        padding += sum(width - len(p) + output - n for p, n in batch)
        print(f"{start + len(batch)} of {len(requests)} requests", file=sys.stderr)
    return padding


def run_continuous(model, requests):
    """All requests at once through the library's own scheduler."""
    # generate_batch() takes one length for all requests; the manager behind it
    # takes one for each.
    manager = model.init_continuous_batching(generation_config=settings(max(n for _, n in requests)))
    manager.start()
    try:
        for prompt, output in requests:
            manager.add_request(prompt, max_new_tokens=output)
        done = 0
        while done < len(requests):
            result = manager.get_result(timeout=600)
            if result is None:
                sys.exit("the continuous batching of transformers ended early")
            if result.is_finished():
                if result.error:
                    sys.exit(f"the continuous batching of transformers failed: {result.error}")
                done += 1
    finally:
        manager.stop(block=True)
    return 0


with open(args.workload, encoding="utf-8") as f:
    workload = json.load(f)
model = load(args.model)
requests = list(zip(prompts(workload, model.config.vocab_size), (r["output_tokens"] for r in workload["requests"])))
if args.order == "length":
    requests.sort(key=lambda r: r[1])
requests = requests[args.skip:]
if args.requests:
    requests = requests[:args.requests]

with torch.inference_mode():
    model.generate(input_ids=torch.ones(args.batch, 8, dtype=torch.long), attention_mask=torch.ones(args.batch, 8, dtype=torch.long),
                   generation_config=settings(4)) if args.mode == "static" else None
    begin = time.perf_counter()
    padding = (run_static if args.mode == "static" else run_continuous)(model, requests)
    seconds = time.perf_counter() - begin

prompt_tokens, output_tokens = sum(len(p) for p, _ in requests), sum(n for _, n in requests)
json.dump({
    "program": f"transformers {transformers.__version__}, torch {torch.__version__}",
    "dtype": str(model.dtype).removeprefix("torch."),
    "attention": model.config._attn_implementation,
    "threads": args.threads,
    "workload": workload["name"],
    "mode": args.mode,
    "order": args.order,
    "batch": args.batch,
    "cache": args.cache,
    "compiled": args.compile,
    "requests": len(requests),
    "prompt_tokens": prompt_tokens,
    "output_tokens": output_tokens,
    "padding_tokens": padding,
    "seconds": round(seconds, 3),
    "requests_per_second": round(len(requests) / seconds, 3),
    "output_tokens_per_second": round(output_tokens / seconds, 2),
    "total_tokens_per_second": round((prompt_tokens + output_tokens) / seconds, 2),
}, sys.stdout)
print()

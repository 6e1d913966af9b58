#!/bin/sh
# Serves a workload with Hugging Face transformers and with this program, one
# after the other, and tells the ratio of their throughputs.
#
#   compare.sh MODEL.gguf [WORKLOAD [options of transformers_serving.py …]]
#
# transformers and torch are installed into a virtual environment outside the
# sources: PEER_VENV, by default in the user's cache. PIP_INDEX_URL and the like
# work as with every pip; a build of torch for the processor alone is enough.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
if [ $# -lt 1 ]; then
	echo "usage: compare.sh MODEL.gguf [WORKLOAD [options of transformers_serving.py …]]" >&2
	exit 2
fi
model=$1
workload=${2:-mixed}
[ $# -lt 2 ] || shift
shift
threads=${THREADS:-2}
venv=${PEER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/vitrine/transformers}
python=$venv/bin/python

if ! "$python" -c 'import torch, transformers, gguf' 2>/dev/null; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet torch transformers gguf accelerate
fi
file=$workload
[ -f "$file" ] || file=$here/../serving/workloads/$workload.json
# The program runs in the sources' root.
case $model in /*) ;; *) model=$PWD/$model ;; esac
case $file in /*) ;; *) file=$PWD/$file ;; esac

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$python" "$here/transformers_serving.py" --workload "$file" --model "$model" --threads "$threads" "$@" >"$out/theirs.json"
(cd "$root" && go run ./server bench serving --workload "$file" --model "$model" --threads "$threads" --json) >"$out/ours.json"
"$python" - "$out/ours.json" "$out/theirs.json" <<'EOF'
import json, sys

ours, theirs = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
if (ours["requests"], ours["prompt_tokens"], ours["output_tokens"]) != (theirs["requests"], theirs["prompt_tokens"], theirs["output_tokens"]):
    sys.exit("the two did not serve the same requests")
a, b = ours["output_tokens_per_second"]["median"], theirs["output_tokens_per_second"]
print(f"workload {ours['workload']}: {ours['requests']} requests, {ours['output_tokens']} tokens of answers, {ours['threads']} threads")
print(f"{theirs['program']}, {theirs['dtype']}, {theirs['mode']}, batches of {theirs['batch']}: {b:.1f} tokens/s")
print(f"vitrine, {ours['quantization']}, {ours['policy']}, {ours['kv_memory']}, up to {ours['max_num_seqs']} together: {a:.1f} tokens/s")
print(f"ratio {a / b:.1f}")
EOF

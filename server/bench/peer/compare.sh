#!/bin/sh
# Serves a workload with Hugging Face transformers and with this program, in
# turns, and tells the ratio of their throughputs.
#
#   compare.sh MODEL.gguf [WORKLOAD [options of transformers_serving.py …]]
#
# transformers takes its batches piece by piece, which are the same batches as
# in one go, and between the pieces this program serves the whole workload, so
# that both have the machine as it is at the time. The environment:
#
#   REQUESTS  serve the workload's first so many requests alone (default: all)
#   PIECE     requests of transformers a piece, a multiple of its --batch (default: 16)
#   KEEP      a folder for what was measured: what is there is not measured
#             again, so that a comparison that was broken off goes on
#   THREADS   of both (default: 2)
#   TORCH, TRANSFORMERS  their versions (default: those of the README's figures)
#   PEER_VENV a virtual environment outside the sources, by default in the user's
#             cache, that transformers and torch are installed into. PIP_INDEX_URL
#             and the like work as with every pip; a build of torch for the
#             processor alone is enough.
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
piece=${PIECE:-16}
venv=${PEER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/vitrine/transformers}
python=$venv/bin/python
# What the figures of the README were measured with.
torch=${TORCH:-2.15.0}
transformers=${TRANSFORMERS:-5.24.0}

if ! "$python" -c 'import sys, torch, transformers, gguf, accelerate
sys.exit([torch.__version__.split("+")[0], transformers.__version__] != sys.argv[1:])' "$torch" "$transformers" 2>/dev/null; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet "torch==$torch" "transformers==$transformers" gguf accelerate # which transformers needs to read .gguf
fi
file=$workload
[ -f "$file" ] || file=$here/../serving/workloads/$workload.json
# The program runs in the sources' root.
case $model in /*) ;; *) model=$PWD/$model ;; esac
case $file in /*) ;; *) file=$PWD/$file ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kept=${KEEP:-$work}
mkdir -p "$kept"
total=$("$python" -c 'import json, sys; print(len(json.load(open(sys.argv[1], encoding="utf-8"))["requests"]))' "$file")
if [ "${REQUESTS:-0}" -gt 0 ] && [ "$REQUESTS" -lt "$total" ]; then
	total=$REQUESTS
fi
(cd "$root" && go build -o "$work/vitrine" ./server)

# measure NAME COMMAND … keeps what the command says as NAME.json, once it is whole.
measure() {
	name=$1
	shift
	[ ! -f "$kept/$name.json" ] || return 0
	"$@" >"$work/now"
	mv "$work/now" "$kept/$name.json"
}
ours() {
	measure "ours-$1" "$work/vitrine" bench serving --workload "$file" --requests "$total" --model "$model" --threads "$threads" --json
}
start=0
while [ "$start" -lt "$total" ]; do
	size=$((total - start < piece ? total - start : piece))
	# This program first, in the middle and, below, at the end.
	if [ "$start" -eq 0 ] || [ $((start / piece)) -eq $(((total + piece - 1) / piece / 2)) ]; then
		ours "$start"
	fi
	measure "theirs-$start" "$python" "$here/transformers_serving.py" --workload "$file" --model "$model" --threads "$threads" \
		--skip "$start" --requests "$size" "$@"
	start=$((start + size))
	echo "transformers: $start of $total requests" >&2
done
ours end
"$python" - "$kept" "$total" <<'EOF'
import glob, json, os, statistics, sys

folder, total = sys.argv[1], int(sys.argv[2])
ours, theirs = ([json.load(open(name, encoding="utf-8")) for name in glob.glob(os.path.join(folder, who + "-*.json"))] for who in ("ours", "theirs"))
a, b = ours[0], theirs[0]
if any(o["requests"] != total for o in ours) or sum(t["requests"] for t in theirs) != total:
    sys.exit("KEEP holds another comparison: it has not the same requests")
for field in ("prompt_tokens", "output_tokens"):
    if a[field] != sum(t[field] for t in theirs):
        sys.exit("the two did not serve the same requests")
rates = sorted(o["output_tokens_per_second"]["median"] for o in ours)
rate = sum(t["output_tokens"] for t in theirs) / sum(t["seconds"] for t in theirs)
pieces = sorted(t["output_tokens_per_second"] for t in theirs)
print(f"workload {a['workload']}: {a['requests']} requests, {a['output_tokens']} tokens of answers, {a['threads']} threads")
print(f"{b['program']}, {b['dtype']}, {b['mode']}, {'compiled' if b['compiled'] else 'not compiled'}, batches of {b['batch']}: {rate:.1f} tokens/s (pieces {pieces[0]:.1f} to {pieces[-1]:.1f})")
print(f"vitrine, {a['quantization']}, {a['policy']}, {a['kv_memory']}, up to {a['max_num_seqs']} together: "
      f"{statistics.median(rates):.1f} tokens/s ({len(rates)} runs, {rates[0]:.1f} to {rates[-1]:.1f})")
print(f"ratio {statistics.median(rates) / rate:.1f} ({rates[0] / rate:.1f} to {rates[-1] / rate:.1f})")
EOF

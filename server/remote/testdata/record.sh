#!/bin/bash
# Records the answers of a running vLLM; see README.md. Needs curl, and for the
# KV events a Python with pyzmq, named by PYTHON.
set -euo pipefail
server=${1:?want the address of a server, http://host:8000}
events=${2:-}
cd "$(dirname "$0")"
model=$(curl -sS "$server/v1/models" | tee models.json | "${PYTHON:-python3}" -c 'import json, sys; print(json.load(sys.stdin)["data"][0]["id"])')
curl -sS "$server/version" >version.json
if [ -n "$events" ]; then
	timeout 300 "${PYTHON:-python3}" - "$events" >kv_events.hex <<'PY' &
import sys, zmq
s = zmq.Context().socket(zmq.SUB)
s.connect(sys.argv[1])
s.setsockopt(zmq.SUBSCRIBE, b"")
while s.poll(60000):
    topic, number, batch = s.recv_multipart()
    print(batch.hex(), flush=True)
PY
	listener=$!
	sleep 3
fi
common='"model":"'$model'","stream":true,"stream_options":{"include_usage":true},"temperature":0,"top_p":1,"return_token_ids":true,"return_tokens_as_token_ids":true'
curl -sSN "$server/v1/chat/completions" -H 'Content-Type: application/json' -d "{$common,\"max_tokens\":24,\"logprobs\":true,\"top_logprobs\":20,\"messages\":[{\"role\":\"user\",\"content\":\"What is gravity? 引力\"}]}" >chat.sse
curl -sSN "$server/v1/completions" -H 'Content-Type: application/json' -d "{$common,\"max_tokens\":8,\"logprobs\":5,\"prompt\":\"Once upon a time\"}" >complete.sse
curl -sS "$server/v1/chat/completions" -H 'Content-Type: application/json' -d '{"model":"nobody","messages":[{"role":"user","content":"?"}]}' >unknown_model.json
"${PYTHON:-python3}" - "$server" "$model" >detokenize.json <<'PY'
import json, re, sys, urllib.request
server, model = sys.argv[1:]
ids = set()
for line in open("chat.sse"):
    if line.startswith("data: {"):
        c = json.loads(line[6:])
        ids.update(c.get("prompt_token_ids") or [])
        for o in c["choices"]:
            ids.update(o.get("token_ids") or [])
out = {}
for i in sorted(ids):
    r = urllib.request.Request(server + "/detokenize", json.dumps({"model": model, "tokens": [i]}).encode(), {"Content-Type": "application/json"})
    out[i] = json.load(urllib.request.urlopen(r))["prompt"]
json.dump(out, sys.stdout, ensure_ascii=False, indent=0)
PY
# Blocks enter the prefix cache when they are full, which those of a CPU are at 128 tokens.
curl -sS "$server/v1/completions" -H 'Content-Type: application/json' -d "{\"model\":\"$model\",\"max_tokens\":1,\"prompt\":\"$(printf 'the sea and the sky %.0s' $(seq 70))\"}" >/dev/null
curl -sS "$server/metrics" | grep -E '^# TYPE vllm:|^vllm:' | grep -v _bucket | grep -v _created >metrics.txt
[ -z "$events" ] || wait "$listener" || true

#!/bin/bash
# Records the answers of a running llama-cpp-python server; see ../README.md.
set -euo pipefail
server=${1:?want the address of a server, http://host:8000}
cd "$(dirname "$0")"
model=$(curl -sS "$server/v1/models" | tee models.json | sed 's/.*"id":"\([^"]*\)".*/\1/')
ask() { curl -sSN "$server/v1/$1" -H 'Content-Type: application/json' -d "{\"model\":\"$model\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0,\"top_p\":1,$2}"; }
ask chat/completions '"max_tokens":12,"logprobs":true,"top_logprobs":20,"messages":[{"role":"user","content":"What is gravity? 引力"}]' >chat.sse
ask completions '"max_tokens":6,"logprobs":5,"prompt":"Once upon a time"' >complete.sse
ask completions '"max_tokens":6,"logprobs":5,"prompt":"今天天气很好，今天天气很好，今天"' >characters.sse
ask chat/completions "\"max_tokens\":8,\"messages\":[{\"role\":\"user\",\"content\":\"$(printf 'sea %.0s' $(seq 3000))\"}]" >too_long.sse || true

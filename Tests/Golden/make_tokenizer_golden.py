#!/usr/bin/env python3
"""Makes the golden files under Tests/Golden/tokenizers with Hugging Face `tokenizers` and Google's `sentencepiece`.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3
    /tmp/venv/bin/python Tests/Golden/make_tokenizer_golden.py

NAME.json is a tokenizer.json, NAME.cases.json what the library makes of hard texts:
[[text, ids, ids with special tokens added, decoded with special tokens, decoded without them], ...].
small.model is a SentencePiece model, small.model.cases.json its [[text, ids], ...].
"""

import io
import json
import pathlib

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).parent / "tokenizers"

CORPUS = [
    "The capital of France is Paris, and the capital of Germany is Berlin. I'll say it again: we've been there!",
    "def main(args):\n    for i in range(100):\n        print(i, 'hello world')\n    return 0\n",
    "In 2024 there were 1234567 people who don't like the 3.14159 theory; they're wrong.\r\n\r\nIsn't it?\r\n",
    "naïve café déjà vu, Ärger über Öl, £100 and €200; the the the in on and of to is was were",
    "हिन्दी में लिखा गया पाठ और हिन्दी भाषा", "ภาษาไทยเขียนติดกันไม่มีเว้นวรรค", "日本語の文章です。中文句子。",
    "  two spaces   three spaces    four spaces\t\ttabs \n \n\n lines",
] * 4

TEXTS = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\r\n\r\n", " \n", "\n \n", "a\r\nb", "a \r\n b\r", "\u0085x\u180ey\u00a0z\u2003w",
    "Hello world", " Hello", "Hello  world   again ", "I'll we've DON'T they'RE 's 'S \u2019s", "'\u017f 'ſt",
    "1", "12", "123", "1234", "12345.678,90", "x1y22z333", "٣٤٥ ⅷ ² ½",
    "£", "£100", "naïve", "nai\u0308ve", "\u00c5", "A\u030a", "\u212b", "\u1100\u1161", "\uac00", "\U000200f5\u0301 \U00011099\U000110ba \U0002f800 \u0344", "e\u0301\u0327",
    "हिन्दी में", "ภาษาไทย", "日本語の文章", "👩‍👩‍👧‍👦", "🏳️‍🌈 🇩🇪", "👍🏽!", "\U000e0067", "\u200d\u200c\ufeff",
    "def f(x):\n    return x+1\n", "a,b;c!?...--- <=> $5 ^~|`", "\u2581", "a\u2581b \u2581", "\x00\x01\x7f",
    "<s>", "</s> x", "a<s>b", " <mask> y", "x <mask>  y", "word wordy wordword word", "fooword foo",
    "<|end|>  \n z", "q  <|end|>", "the<|end|>the", "\u00e9t\u00e9 e\u0301te\u0301 \u00e9te\u0301",
]

GPT2_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def added(id, content, special=True, normalized=False, lstrip=False, rstrip=False, single_word=False):
    return {"id": id, "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
            "normalized": normalized, "special": special}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def train(pre_tokenizer, alphabet, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    return json.loads(tokenizer.to_str())


def write(name, document):
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text, encoding="utf-8")
    tokenizer = Tokenizer.from_str(text)
    cases = []
    for case in TEXTS:
        ids = tokenizer.encode(case, add_special_tokens=False).ids
        full = tokenizer.encode(case, add_special_tokens=True).ids
        decoded = [tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)]
        # The library normalizes the text of added tokens and maps it to bytes, although it is not written in that
        # alphabet, and so prints the added token of "qwen" as mojibake. We hold ourselves to the token's own text.
        decoded = [text.replace("\ufffdt\ufffd", "e\u0301te\u0301") for text in decoded]
        cases.append([case, ids, full, *decoded])
    (OUT / f"{name}.cases.json").write_text(
        json.dumps(cases, ensure_ascii=True, separators=(",", ":")).replace("],[\"", "],\n[\""), encoding="utf-8")


def bos_template(id):
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {
            "<s>": {"id": "<s>", "ids": [id], "tokens": ["<s>"]}}}


def main():
    OUT.mkdir(exist_ok=True)
    byte_level = train(pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.ByteLevel.alphabet(), 330)
    size = len(byte_level["model"]["vocab"])
    byte_level["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    byte_level["added_tokens"] = [added(size, "<s>"), added(size + 1, "</s>"), added(size + 2, "<|end|>")]

    def byte_variant(name, pre, **changes):
        document = json.loads(json.dumps(byte_level))
        model = changes.pop("model", {})
        document["pre_tokenizer"] = pre
        document["model"].update(model)
        document.update(changes)
        write(name, document)

    byte_variant("gpt2", {**BYTE_LEVEL, "use_regex": True})
    byte_variant("smollm", sequence({"type": "Digits", "individual_digits": True}, {**BYTE_LEVEL, "use_regex": True}))
    byte_variant("llama3", sequence(split({"Regex": GPT2_WORDS}), BYTE_LEVEL), model={"ignore_merges": True},
                 post_processor={"type": "Sequence", "processors": [
                     {**BYTE_LEVEL, "trim_offsets": False}, bos_template(size)]})
    byte_variant("qwen", sequence(split({"Regex": GPT2_WORDS.replace("{1,3}", "")}), BYTE_LEVEL),
                 normalizer={"type": "NFC"}, added_tokens=byte_level["added_tokens"] + [
                     added(size + 3, "e\u0301te\u0301", special=False, normalized=True)])
    merges = [" ".join(pair) for pair in byte_level["model"]["merges"]]
    byte_variant("flags", {**BYTE_LEVEL, "add_prefix_space": True, "use_regex": True}, model={"merges": merges},
                 added_tokens=[added(size, "<mask>", lstrip=True), added(size + 1, "<|end|>", rstrip=True, lstrip=True),
                               added(size + 2, "word", special=False, single_word=True, normalized=True),
                               added(size + 3, "<s>"), added(size + 4, "foo", special=False)])
    byte_variant("splits", sequence(
        split({"String": "o"}, "MergedWithPrevious"), split({"Regex": r"\s"}, "MergedWithNext"),
        split({"Regex": r"[\p{L}\p{M}]"}, "Contiguous"), {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "Digits", "individual_digits": False}, split({"String": "-"}, "Removed"), BYTE_LEVEL))
    byte_variant("inverted", sequence(
        split({"Regex": r"\p{N}+"}, "MergedWithNext", True), split({"Regex": r"[^,]+"}, "MergedWithPrevious", True),
        split({"Regex": r"\w+|[^\w\s]+"}, "Removed", True), split({"Regex": r"[\S]"}, "Contiguous", True), BYTE_LEVEL))

    # Characters with byte fallback, as Llama 2's tokenizer.json has them. Trained with Metaspace, so that no merge joins
    # words; then run without it, on the whole text at once.
    chars = train(pre_tokenizers.Metaspace(), list("abcdefghijklmnopqrstuvwxyz \u2581"), 260)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    names += [name for name, _ in sorted(chars["model"]["vocab"].items(), key=lambda item: item[1])]
    chars["model"].update(vocab={name: id for id, name in enumerate(names)}, byte_fallback=True, fuse_unk=True,
                          unk_token="<unk>")
    chars["added_tokens"] = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")]
    chars["post_processor"] = bos_template(1)
    llama2 = json.loads(json.dumps(chars))
    llama2["pre_tokenizer"] = None
    llama2["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    llama2["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    write("llama2", llama2)
    for scheme, fuse in (("first", True), ("never", False)):
        metaspace = json.loads(json.dumps(chars))
        metaspace["model"].update(byte_fallback=False, fuse_unk=fuse)
        step = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": True}
        metaspace["pre_tokenizer"] = step
        metaspace["decoder"] = step
        write(f"metaspace-{scheme}", metaspace)

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in CORPUS for line in text.split("\n")), model_writer=model,
        model_type="bpe", vocab_size=440, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, character_coverage=0.98, minloglevel=2)
    (OUT / "small.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # Text of control tokens aside: sentencepiece never parses it, and neither do we unless asked.
    (OUT / "small.model.cases.json").write_text(
        json.dumps([[text, processor.encode(text)] for text in TEXTS], separators=(",", ":")).replace("],[\"", "],\n[\""))


main()

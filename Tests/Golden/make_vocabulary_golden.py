"""Vocabularies that Hugging Face's tokenizers learns, for Tests/TokenizationTests/BytePairTrainerTests.swift.

    pip install tokenizers==0.23.3
    python3 Tests/Golden/make_vocabulary_golden.py

The text has few words, so that many pairs are equally frequent: the rule for ties decides most of the merges. Writes
vocabularies/learnt.json: documents, and for each splitting rule the merges and the ids of some texts.
"""

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

FOLDER = Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|mask|>", "<|pad|>"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
# Names of GGUF, as Hugging Face spells the rules.
RULES = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "llama-bpe": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), BYTES]),
}


def documents():
    """Words of few letters, some of them not ASCII, and what splitting rules treat differently."""
    source = random.Random(7)
    words = ["".join(source.choice("abcdé你") for _ in range(source.randint(1, 9))) for _ in range(240)]
    texts = [" ".join(source.choice(words) for _ in range(120)) for _ in range(4)]
    return texts + [
        "It's 1234 or 12345.678, isn't it?\n\n\tWE'VE   been  there; 1,000 times!\r\n",
        "x=1;y+=2_3--->{}[]()<>|`~^$#@!%&*  naïve café 😀😀 नमस्ते दुनिया",
        (FOLDER / "probe.txt").read_text(),
    ]


def main():
    texts = documents()
    probes = texts[4:] + ["abcd dcba éé 你你你", "", " ", "\n\n \n", "the capital of France"]
    result = {"documents": texts, "special": SPECIAL, "probes": probes, "vocabularies": []}
    for rule, splitter in RULES.items():
        for size in (300, 480):
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = splitter
            trainer = trainers.BpeTrainer(
                vocab_size=size, special_tokens=SPECIAL, min_frequency=2, show_progress=False,
                initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            )  # fmt: skip
            tokenizer.train_from_iterator(texts, trainer)
            model = json.loads(tokenizer.to_str())["model"]
            assert len(model["vocab"]) == size
            result["vocabularies"].append(
                {
                    "rule": rule,
                    "size": size,
                    "merges": [" ".join(pair) for pair in model["merges"]],
                    "tokens": sorted(model["vocab"], key=model["vocab"].get),
                    "ids": [tokenizer.encode(text).ids for text in probes],
                }
            )
    (FOLDER / "vocabularies").mkdir(exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "vocabularies/learnt.json").write_text(text + "\n")


main()

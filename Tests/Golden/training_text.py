"""The English text that the trained tiny models learn from: three Debian packages, taken apart without installing.

bible-kjv-text   the King James Bible; public domain (copyright expired)
wordnet-base     WordNet 3.0's glosses; WordNet licence (use, copy, modify, distribute for any purpose)
python3.11-doc   prose paragraphs of Python's documentation; PSF licence version 2
The text itself is not kept in the repository.
"""

import hashlib
import random
import re
import subprocess
from pathlib import Path

# Debian 12. The checksums pin what the committed models were trained on.
PACKAGES = {
    "bible-kjv": "75a49c032a6efa9faa2beb4a9acb70974380122906329d0e100de36cc88ff02d",
    "bible-kjv-text": "d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a",
    "wordnet-base": "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    "python3.11-doc": "5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
}
BYTES_PER_SOURCE = 1_500_000


def unpack(folder):
    """Downloads the packages with apt-get into `folder` and unpacks them below folder/root."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, checksum in PACKAGES.items():
        if not list(folder.glob(f"{name}_*.deb")):
            subprocess.run(["apt-get", "download", name], cwd=folder, check=True)
        (file,) = folder.glob(f"{name}_*.deb")
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != checksum:
            print(f"note: {file.name} has SHA-256 {found}; another version of the text gives other weights")
        subprocess.run(["dpkg-deb", "-x", file, folder / "root"], check=True)
    return folder / "root"


def bible(root):
    """Passages of six verses."""
    library = root / "usr/lib"
    command = [root / "usr/bin/bible", "-p", f"{library}/", "-f", "gen1:1-rev22:21"]
    text = subprocess.run(command, cwd=library, capture_output=True, text=True, check=True).stdout
    verses = [re.sub(r"^\s*\S+:\d+\s+", "", line).strip() for line in text.splitlines() if ":" in line]
    return [" ".join(verses[start : start + 6]) for start in range(0, len(verses), 6)]


def wordnet(root):
    """Eight glosses each, as sentences."""
    sentences = []
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (root / f"usr/share/wordnet/data.{kind}").read_text().splitlines():
            if line.startswith("  ") or " | " not in line:
                continue
            gloss = line.split(" | ", 1)[1].strip()
            sentences += [part.strip(' "') for part in gloss.split("; ")]
    sentences = [s[0].upper() + s[1:] + "." for s in sentences if len(s) > 30 and s.isascii()]
    random.Random(1).shuffle(sentences)
    return [" ".join(sentences[start : start + 8]) for start in range(0, len(sentences), 8)]


def python_documentation(root):
    """Paragraphs without markup."""
    paragraphs = []
    for file in sorted((root / "usr/share/doc/python3.11/html/_sources").rglob("*.rst.txt")):
        for paragraph in re.split(r"\n\s*\n", file.read_text()):
            text = re.sub(r":\w+:`[!~]?([\w. ()]+)`|`{1,2}([^`\n]+)`{1,2}", r"\1\2", paragraph)
            text = " ".join(text.split())
            if len(text) > 120 and text.isascii() and text[0].isupper() and text[-1] == "." and not re.search(
                r"[`|*_<>{}=\[\]\\]|::|\.\. ", text
            ):
                paragraphs.append(text)
    return paragraphs


def documents(folder):
    """All three in equal measure and in a fixed random order."""
    root = unpack(Path(folder))
    chosen = []
    for source in (bible, wordnet, python_documentation):
        texts = source(root)
        random.Random(2).shuffle(texts)
        size, before = 0, len(chosen)
        for text in texts:
            if size > BYTES_PER_SOURCE:
                break
            chosen.append(text)
            size += len(text)
        print(f"{source.__name__}: {len(chosen) - before} documents, {size / 1e6:.2f} MB; first: {texts[0][:90]!r}")
    random.Random(3).shuffle(chosen)
    return chosen

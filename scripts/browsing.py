"""What the scripts that open a page in a real browser share."""

import os
import sys
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# A virtual environment under $BITNET_CACHE and the package of PyPI in it.
PLAYWRIGHT = ("venv-page", "playwright==1.65.2")
# Every visible text whose contrast with what is behind it is below 4.5.
CONTRAST = """() => {
  const number = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = number(getComputedStyle(element).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!hasText || !element.checkVisibility() || element.disabled || element.tagName === "SCRIPT") continue;
    const [a, b] = [light(number(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${element.tagName} ${element.textContent.slice(0, 20)}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return bad;
}"""


def need_browser():
    """Ends the script if there is no browser."""
    if not os.access(CHROMIUM, os.X_OK):
        name = Path(sys.argv[0]).name
        sys.exit(f"{name}: there is no Chromium at {CHROMIUM}; install it (Debian: apt-get install chromium) or set $CHROMIUM")


def launch(driver):
    return driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

"""The report in Turkish. Names, keys and places in format strings are those of the English text.

Names that come from data take no suffix: a sentence carries it on a word of its own beside the name.
"""

# ruff: noqa: RUF001 - letters of the Turkish alphabet, en dashes and multiplication signs are meant

from __future__ import annotations

from collections.abc import Sequence

from bench.report.format import number

ITL_NAMES = {
    "p50": "belirteçler arası gecikmenin medyanı",
    "p95": "belirteçler arası gecikmenin 95. yüzdeliği",
    "p99": "belirteçler arası gecikmenin 99. yüzdeliği",
}
KIND = "{new} yeni belirteç"
BATCH = "parti boyutu {size}"
PROMPTS = "istem {lengths}"
SIMULATED_MARK = " (benzetim)"
MORE = "{count} tane daha"
NO_INTERVAL = "aralık yok"
SECTIONS_LABEL = "Bölümler"
LOAD_PARTS = (
    ("process_start_s", "süreç başlangıcı"),
    ("import_s", "içe aktarma"),
    ("load_s", "okuma ve derleme"),
    ("first_generation_s", "ilk üretim"),
)

POWER_SOURCES = {"mains": "şebeke", "battery": "pil"}

_NOUNS = {
    "A/B run": "A/B koşusu",
    "block": "blok",
    "cell": "hücre",
    "compared cell": "karşılaştırılan hücre",
    "figure": "sayı",
    "head": "aday",
    "more cell": "hücre daha",
    "more row": "satır daha",
    "package": "paket",
    "process": "süreç",
    "report": "rapor",
    "run": "koşu",
    "shared block": "ortak blok",
    "series": "seri",
    "thread": "iş parçacığı",
    "time": "kat",
    "token": "belirteç",
}


def plural(count: int, one: str, many: str | None = None) -> str:  # noqa: ARG001 - no plural stands after a number
    """``3 blok``: the English nouns of the call in Turkish, which has no plural after a number."""
    return f"{number(count, 0)} {_NOUNS[one]}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a ve b``, ``a, b ve c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} ve {names[-1]}"

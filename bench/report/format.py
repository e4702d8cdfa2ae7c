"""Numbers and foreign strings as people read them. What was not measured is blank, never zero."""

from collections.abc import Mapping, Sequence

from bench.analyse.interval import Estimate
from bench.cli import clean as clean  # noqa: PLC0414 - taken from here by all that render
from bench.report.language import chosen, gettext, ngettext

_ASCII = str.maketrans(
    {"–": "-", "—": "-", "×": "x", "→": ">", "’": "'", "“": '"', "”": '"', "…": "...", "°": "deg ", "µ": "u"}  # noqa: RUF001
)


def plain(text: str) -> str:
    """``text`` for a terminal of any encoding."""
    return clean(text).translate(_ASCII).encode("ascii", "replace").decode("ascii")


def localized(number: str) -> str:
    """A number as Python writes it, ``1,234.5``, with the signs of the language that is chosen."""
    language = chosen()
    return number.translate({ord("."): language.decimal, ord(","): language.thousands})


def plural(count: int, one: str, many: str) -> str:
    """A counted noun, e.g. ``plural(3, "{count} block", "{count} blocks")``: ``3 blocks``."""
    return ngettext(one, many, count).format(count=number(count, 0))


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = names
    return gettext("{names} and {last}").format(names=", ".join(most), last=last) if most else last


def few(names: Sequence[str], most: int) -> str:
    """The first of ``names``, and how many more there are: ``a, b and 3 more``."""
    return listed(names) if len(names) <= most else and_more(", ".join(names[:most]), len(names) - most)


def and_more(names: str, count: int) -> str:
    """What was named, and how many more there are."""
    return gettext("{names} and {count} more").format(names=names, count=count)


def decimals(value: float) -> int:
    """How many decimals leave about three digits that matter."""
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3


def capital(words: str) -> str:
    """``words`` with a capital letter at the beginning."""
    first = words[:1]
    return (chosen().large_i if first == "i" else first.upper()) + words[1:]


def number(value: float | None, places: int | None = None) -> str:
    """Three digits that matter, or as many decimals as ``places`` says; thousands separated."""
    if value is None:
        return ""
    return localized(f"{value:,.{decimals(value) if places is None else places}f}")


def interval(estimate: Estimate | None) -> str:
    """The ends of the interval with as many decimals as the value; blank without one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    places = decimals(estimate.value)
    return f"{number(estimate.low, places)}–{number(estimate.high, places)}"  # noqa: RUF001 - between numbers


def figure(estimate: Estimate) -> str:
    """A value with its interval where there is one, e.g. ``223 (210–237)``."""  # noqa: RUF002
    return number(estimate.value) + in_brackets(interval(estimate))


def with_interval(estimate: Estimate, unit: str) -> str:
    """The same with its unit, e.g. ``223 ms (210–237)``."""  # noqa: RUF002
    return f"{number(estimate.value)} {unit}" + in_brackets(interval(estimate))


def in_brackets(words: str) -> str:
    """What follows a value, such as the ends of its interval; blank for nothing."""
    return f" ({words})" if words else ""


def percent(share: float, places: int | None = 0) -> str:
    """A share of one in percent, e.g. ``42 %``; with as many decimals as it takes if ``places`` is ``None``."""
    value = 100 * share
    return chosen().percent.format(localized(f"{value:.6g}") if places is None else number(value, places))


def exact(value: float | None) -> str:
    """A value to sort by: more digits than any that matters, fewer than a float has."""
    return "" if value is None else f"{value:.7g}"


def factor(value: float) -> str:
    """A ratio with its sign."""
    return f"{number(value, 2 if value < 10 else 1)}×"  # noqa: RUF001 - the sign of multiplication


def shares(parts: Mapping[str, float] | None) -> str:
    """Shares of a whole, largest first, e.g. ``79 % int4, 21 % int8``; blank where there is one alone, or none."""
    if parts is None or len(parts) < 2:
        return ""
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{small_share(share)} {clean(name)}" for name, share in ordered)


def small_share(share: float) -> str:
    """A share of one in whole percent; what is more than nothing is not shown as 0."""
    return percent(share) if share >= 0.01 or share == 0 else f"< {percent(0.01)}"


def seconds(value: float | None) -> str:
    """Seconds with two decimals below ten."""
    return "" if value is None else number(value, 2 if value < 10 else 1)


def megabytes(value: float | None) -> str:
    """Bytes as MB (10⁶)."""
    return "" if value is None else number(value / 1e6, 0)


def gibibytes(value: float | None) -> str:
    """Bytes as GiB."""
    return "" if value is None else f"{number(value / 2**30, 1)} GiB"


def parameters(count: int | None) -> str:
    """A model's size, e.g. ``135 million``; blank where unknown."""
    if not count:
        return ""
    if count >= 1e9:
        return gettext("{count} billion").format(count=number(count / 1e9, 1))
    return gettext("{count} million").format(count=number(count / 1e6, 0))

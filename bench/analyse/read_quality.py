"""The table ``quality`` of a run, and the verdict on each of its loads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from backends.spec import PRECISIONS, hardware_of
from bench.analyse.grouping import group_by
from bench.analyse.interval import Estimate
from bench.analyse.quality import Limits, OfTexts, Quality, Verdict, over_texts, perplexity
from bench.analyse.results import LoadResult
from bench.store.reader import StoredRun
from bench.store.schema import LONGEST

ENOUGH = 100
"""From how many positions on one likeliest token everywhere, or agreement as by chance, is called that."""

CHANCE = 0.1
"""Share of positions at which a model that ignores the text agrees with the reference, at most.

It does so where it always names the reference's most frequent likeliest token: 8 % of the positions on the default
model.
"""

FAR = 0.5
"""Mean KL divergence, in nats, below which two models are no strangers however seldom their likeliest tokens are the
same: in a flat distribution, such as that of random weights, rounding decides which token is the likeliest."""

_COLUMNS = (
    *("load_key", "device", "text", "kind", "text_digest", "first_position", "log_probs", "top_ids"),
    *("reference", "reference_log_probs", "kl", "same_top", "status", "error_message"),
)


NO_REFERENCE = "none"
"""The option ``reference`` of a run whose loads are compared with nothing."""


def read_quality(
    run: StoredRun, loads: Iterable[LoadResult], flaws: Mapping[str, str], asked: str | None = None
) -> dict[str, Quality]:
    """``load_key`` -> its quality; empty for a run without rows in the table ``quality``.

    A text is compared with the reference that its row names. Where the rows of a load name none, it is compared with a
    load of the run, see :func:`reference_of`; simulated loads among themselves.

    ``flaws``: ``load_key`` -> what is wrong with its answers, where something is.
    """
    rows = run.table("quality", _COLUMNS).to_pylist()
    scored = {key: _scored(own) for key, own in group_by(rows, lambda row: (row["load_key"], row["device"])).items()}
    limits = limits_of(run.record)
    found: dict[str, Quality] = {}
    for kind in group_by(loads, lambda load: load.simulated).values() if rows else ():
        own = {load.load_key: scored.pop((load.load_key, load.device_requested), _Scored()) for load in kind}
        sound = [load for load in kind if load.load_key not in flaws and own[load.load_key].sound]
        reference = None if asked == NO_REFERENCE else reference_of(sound, asked)
        for load in kind:
            its_own = own[load.load_key]
            # What a simulated load thinks is only asked where it is told what to say.
            if load.simulated and not its_own.texts and not its_own.failure:
                continue
            found[load.load_key] = _quality(
                load,
                its_own,
                next((its for (key, _), its in scored.items() if key == load.load_key), _Scored()),
                (reference, own[reference.load_key]) if reference else None,
                limits,
                flaws.get(load.load_key),
            )
    return found


def limits_of(record: Mapping[str, Any]) -> Limits:
    """Those that a run was asked for, by its run.json."""
    asked = (record.get("options") or {}).get("quality_limits") or {}
    return Limits(**{one.name: asked[one.name] for one in fields(Limits) if asked.get(one.name) is not None})


def reference_of(loads: Iterable[LoadResult], asked: str | None = None) -> LoadResult | None:
    """The load that others are compared with: that of the label ``asked``, or else the one of the widest weights.

    Of several, transformers and the CPU go first. ``None`` if none has more than four bits and is not simulated.
    """

    def named(load: LoadResult) -> bool:
        return asked is not None and load.label.lower() == asked.lower()

    def place(load: LoadResult) -> tuple[bool, int, int, bool, bool]:
        computed = {"f32": 2, "bf16": 1, "f16": 1}.get(load.inference_precision or "", 0)
        of_stack = load.backend == "transformers", hardware_of(load.ran_on) == "CPU"
        return named(load), PRECISIONS.index(load.precision), computed, *of_stack

    def fits(load: LoadResult) -> bool:
        any_width = load.simulated or named(load)
        return bool(load.processes) and load.precision in (PRECISIONS if any_width else PRECISIONS[1:])

    return max(filter(fits, loads), key=place, default=None)


# -- what is stored


@dataclass(frozen=True, slots=True)
class _Text:
    """One text as a load scored it; lists as in :data:`bench.store.schema.QUALITY`, NaN for what is not finite.

    Args:
        name: its digest, or its name where it has none.
        right: the reference's log-probabilities; empty without one.
    """

    name: str
    kind: str
    first: int
    log_probs: Sequence[float]
    top_ids: Sequence[int]
    reference: str | None = None
    right: Sequence[float] = ()
    kl: Sequence[float] = ()
    same_top: Sequence[bool] = ()

    def beside(self, other: _Text | None, label: str) -> _Text:
        """Compared with what another load of the run says of the same text."""
        if other is None or other.first != self.first:
            return self
        same = [one == right for one, right in zip(self.top_ids, other.top_ids, strict=False)]
        return replace(self, reference=label, right=other.log_probs, kl=(), same_top=same)


@dataclass(frozen=True, slots=True)
class _Scored:
    """What is stored of one load on one device.

    ``failure``: status and message of the last row, where that says why the load could not be scored.
    """

    fixed: Sequence[_Text] = ()
    longest: _Text | None = None
    failure: tuple[str, str | None] | None = None

    @property
    def texts(self) -> tuple[_Text, ...]:
        return (*self.fixed, self.longest) if self.longest else tuple(self.fixed)

    @property
    def sound(self) -> bool:
        return bool(self.fixed) and self.flaw is None

    @property
    def flaw(self) -> str | None:
        """What is wrong whatever a reference says: one of the reasons of :class:`Quality`."""
        if not all(math.isfinite(value) for text in self.texts for value in text.log_probs):
            return "not-finite"
        tops = [top for text in self.fixed for top in text.top_ids]
        return "constant" if len(tops) >= ENOUGH and len(set(tops)) == 1 else None

    def beside(self, other: _Scored, label: str) -> _Scored:
        """Compared with what another load says of the same texts, as far as it has no reference."""
        of_other = {text.name: text for text in other.texts}
        fixed, longest = self.fixed, self.longest
        if not any(text.right for text in fixed):
            fixed = [text.beside(of_other.get(text.name), label) for text in fixed]
        if longest and not longest.right:
            longest = longest.beside(of_other.get(longest.name), label)
        return replace(self, fixed=fixed, longest=longest)


def _scored(rows: Sequence[Mapping[str, Any]]) -> _Scored:
    """Of a text that was scored again, the last row counts; of several references, that of the last text."""
    texts = {text.name: text for row in rows if row["log_probs"] for text in [_text(row)]}
    reference = next((text.reference for text in reversed(texts.values()) if text.right), None)
    known = [
        text if text.reference == reference else replace(text, reference=None, right=(), kl=(), same_top=())
        for text in texts.values()
    ]
    last = rows[-1]
    left_out = last["text"] is not None and bool(texts)
    return _Scored(
        fixed=[text for text in known if text.kind != LONGEST],
        longest=next((text for text in known if text.kind == LONGEST), None),
        failure=(last["status"], last["error_message"]) if last["status"] != "ok" and not left_out else None,
    )


def _text(row: Mapping[str, Any]) -> _Text:
    log_probs, right, kl = (
        [math.nan if value is None else value for value in row[name] or ()]
        for name in ("log_probs", "reference_log_probs", "kl")
    )
    return _Text(
        name=row["text_digest"] or row["text"] or "",
        kind=row["kind"] or "",
        first=row["first_position"] or 0,
        log_probs=log_probs,
        top_ids=row["top_ids"] or (),
        reference=row["reference"],
        right=right,
        kl=kl,
        same_top=row["same_top"] or (),
    )


# -- what follows from it


def _quality(
    load: LoadResult,
    own: _Scored,
    on_cpu: _Scored,
    of_run: tuple[LoadResult, _Scored] | None,
    limits: Limits,
    of_answers: str | None,
) -> Quality:
    """What is known of one load.

    Args:
        on_cpu: the same artifact on the CPU; empty where that is its own device.
        of_run: the run's own reference, and what it says.
    """
    if of_run:
        own, on_cpu = (scored.beside(of_run[1], of_run[0].label) for scored in (own, on_cpu))
    reference = next((text.reference for text in own.texts if text.right), None)
    key = of_run[0].load_key if of_run and of_run[0].label == reference else None
    whole = _of_texts("", own.fixed)
    kinds = group_by(own.fixed, lambda text: text.kind)
    found = Quality(
        verdict="unknown",
        reason="no-scores",
        perplexity=whole.perplexity,
        reference=reference,
        reference_key=key,
        is_reference=key == load.load_key,
        ratio=_ratio(own.fixed),
        kl_mean=whole.kl_mean,
        kl_p99=float(np.quantile(kl, 0.99)) if (kl := _finite(own.fixed)) else None,
        same_top=whole.same_top,
        texts=whole.texts,
        positions=whole.positions,
        kinds=tuple(_of_texts(kind, texts) for kind, texts in kinds.items()),
        longest=_of_texts(LONGEST, [own.longest]) if own.longest else None,
        cpu_ratio=_over(own.fixed, on_cpu),
        log_probs={text.name: text.log_probs for text in own.fixed},
        error=own.failure[1] if own.failure else None,
    )
    reason = own.flaw or of_answers or _beyond(found, own, on_cpu, limits.broken)
    if reason:
        return replace(found, verdict="broken", reason=reason)
    verdict, reason = _unbroken(found, own, limits.degraded)
    return replace(found, verdict=verdict, reason=reason)


def _beyond(found: Quality, own: _Scored, on_cpu: _Scored, limit: float) -> str | None:
    """Why it is broken beside others, if it is."""

    def far(ratio: float | None) -> bool:
        return ratio is not None and ratio >= limit

    if far(_value(found.cpu_ratio)) and on_cpu.flaw is None and not far(_value(_ratio(on_cpu.fixed))):
        return "device"
    compared = sum(len(text.same_top) for text in own.fixed)
    if compared >= ENOUGH and (found.same_top or 0) < CHANCE and (found.kl_mean or 0) > FAR:
        return "chance"
    if far(_value(found.ratio)):
        return "ratio"
    longest = (found.longest.ratio, _value(_over([own.longest], on_cpu))) if found.longest and own.longest else ()
    return "longest" if any(map(far, longest)) else None


def _unbroken(found: Quality, own: _Scored, degraded: float) -> tuple[Verdict, str]:
    if found.is_reference:
        return "faithful", "reference"
    if not own.fixed:
        # A stack that gives no scores did not fail.
        failed = own.failure is not None and own.failure[0] != "unsupported"
        return "unknown", "failed" if failed else "no-scores"
    if found.ratio is None:
        return "unknown", "no-reference"
    return "degraded" if found.ratio.value >= degraded else "faithful", "ratio"


def _of_texts(kind: str, texts: Sequence[_Text]) -> OfTexts:
    kl, same_top = _finite(texts), [same for text in texts for same in text.same_top]
    values = [value for text in texts for value in text.log_probs]
    return OfTexts(
        kind=kind,
        texts=len(texts),
        positions=len(values),
        perplexity=perplexity(values) if values and all(map(math.isfinite, values)) else None,
        ratio=_value(_ratio(texts)),
        kl_mean=float(np.mean(kl)) if kl else None,
        same_top=float(np.mean(same_top)) if same_top else None,
    )


def _ratio(texts: Iterable[_Text]) -> Estimate | None:
    """Over the reference."""
    known = [text for text in texts if text.right]
    found = over_texts({text.name: text.log_probs for text in known}, {text.name: text.right for text in known})
    return found.contrast.ratio if found else None


def _over(texts: Iterable[_Text], other: _Scored) -> Estimate | None:
    """Over what the same texts were scored elsewhere."""
    found = over_texts(*({text.name: text.log_probs for text in side} for side in (texts, other.texts)))
    return found.contrast.ratio if found else None


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _finite(texts: Sequence[_Text]) -> list[float]:
    """KL divergences; one is infinite where a stack rules out a token of the vocabulary, which need not be wrong."""
    return [value for text in texts for value in text.kl if math.isfinite(value)]

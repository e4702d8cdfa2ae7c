"""A backend that simulates given latencies by spinning to deadlines; every row and picture of it says ``simulated``.

The stamps come from the real worker clock, so everything between a step and a report is tested against a known truth.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from backends.contract import (
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    common_beginning,
)
from backends.noise import Noise

_SLOWER = {"int4": 1.0, "int8": 1.4, "fp16": 1.8, "bf16": 1.8, "fp32": 2.6}
"""How much slower the built-in latencies are per weight format, so that a taste looks like something."""

_CACHED = 0.1
"""What is left of the time to first token of a prompt that the prefix cache knows."""

_GARBAGE = -11.0
"""Log-probability of a token that is as likely as any other of some tens of thousands."""

_EXIT_CODE = 70


class Simulated:
    """A stack that has no model."""

    def devices(self) -> list[Device]:
        return [Device(name, "simulated: no device is used") for name in ("CPU", "GPU", "NPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> SimulatedSession:
        present = [known.name for known in self.devices()]
        if device.partition(".")[0] not in present:
            raise DeviceUnavailableError(f"the simulated backend plays no {device}, only {', '.join(present)}")
        if options.extra.get("fail_load"):
            raise BackendError(str(options.extra["fail_load"]))
        _spin_until(time.perf_counter_ns() + round(float(options.extra.get("load_ms", 0)) * 1e6))
        # Without a model it is given its worker's own folder, which lies beside those of the run's other workers.
        return SimulatedSession(device, options, run=str(artifact.parent))

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        """Log-probabilities of a model whose perplexity is ``perplexity_ratio`` times that of another one's 1.

        Every load thinks the same of a token but for its ratio, so that the ratio of two is that of their options, and
        so it is on any part of a text.
        """
        self.load(artifact, device, options).close()
        extra = options.extra
        if extra.get("perplexity_ratio") is None:
            raise UnsupportedError("the simulated backend has no perplexity unless it is told one by perplexity_ratio")
        ratio, broken_from = float(extra["perplexity_ratio"]), int(extra.get("broken_from", -1))
        for number, text in enumerate(texts):
            seed = f"{extra.get('seed', 0)} {options.precision} {ratio} {text.name}"
            shift = math.log(ratio) + random.Random(seed).gauss(0, float(extra.get("perplexity_spread", 0)))
            of_text = random.Random(str(list(text.ids)))
            shared = [-1 - of_text.expovariate(0.5) for _ in text.ids[1:]]
            log_probs = [
                _GARBAGE if 0 <= broken_from <= position else shared[position] - shift
                for position in range(text.start, len(shared))
            ]
            yield Scores(number, text.start, log_probs=log_probs)


class SimulatedSession:
    """Follows a schedule; see the backend's load options in the table for what can be asked of it."""

    def __init__(self, device: str, options: LoadOptions, run: str = "") -> None:
        extra = options.extra
        self._device = device
        self._slower = _SLOWER[options.precision]
        self._ttft_ms: float | None = extra.get("ttft_ms")
        self._itl_ms: float | None = extra.get("itl_ms")
        self._series_ms = [float(part) for part in str(extra.get("series_ms") or "").split(";") if part]
        try:
            self._noise = Noise(**{part.name: float(extra.get(part.name, part.default)) for part in fields(Noise)})
        except ValueError as error:
            raise BackendError(f"the simulated backend cannot play that noise: {error}") from error
        self._drawn = _seeded(extra.get("seed", 0))
        of_process = self._noise.process(_seeded(extra.get("process_seed", -1)))
        of_run = self._noise.run(_seeded(extra.get("run_seed", -1), otherwise=run))
        run_seed = int(extra.get("run_seed", -1))
        of_moment = self._noise.moment(time.time(), run if run_seed < 0 else str(run_seed))
        self._process_factor = of_process * of_run * of_moment
        self._extra_tokens = int(extra.get("extra_tokens", 0))
        self._caches = options.prefix_caching
        self._asked: list[tuple[int, ...]] = []
        self._only_prompt_tokens = int(extra.get("only_prompt_tokens", 0))
        self._mishaps = {int(extra.get(name, -1)): name for name in ("fail_at", "hang_at", "crash_at")}

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Call ``on_step`` at the scheduled moments with ids that depend on the prompt alone."""
        prompt_tokens = len(prompts[0])
        touched = self._only_prompt_tokens in (0, prompt_tokens)
        steps = new_tokens + (self._extra_tokens if touched else 0)
        begun = [sum((place + 1) * token for place, token in enumerate(prompt)) % 65521 for prompt in prompts]
        delays_ns = list(self.schedule_ns(prompt_tokens, steps))
        if self._caches:
            delays_ns[0] = round(delays_ns[0] * self._left_to_do(prompts))
        deadline = time.perf_counter_ns()
        for step, delay_ns in enumerate(delays_ns):
            if touched and step in self._mishaps:
                _befall(self._mishaps[step], step)
            deadline += delay_ns
            _spin_until(deadline)
            on_step([(state + 17 * step) % 32000 for state in begun])
        return GenerationDetails()

    def _left_to_do(self, prompts: Sequence[Sequence[int]]) -> float:
        """The share of a batch's prefill that the prefix cache leaves; from then on it knows these prompts."""
        known = min(max((common_beginning(prompt, one) for one in self._asked), default=0) for prompt in prompts)
        self._asked += map(tuple, prompts)
        return max(_CACHED, 1 - known / len(prompts[0]))

    def schedule_ns(self, prompt_tokens: int, steps: int) -> Iterator[int]:
        """The time before each step, in nanoseconds, noise included."""
        factor = self._process_factor * self._noise.generation(self._drawn) * self._noise.at(time.time())
        for step in range(steps):
            yield round(self._nominal_ms(prompt_tokens, step) * 1e6 * self._noise.step(self._drawn) * factor)

    def _nominal_ms(self, prompt_tokens: int, step: int) -> float:
        if self._series_ms:
            if step == 0 or len(self._series_ms) == 1:
                return self._series_ms[0]
            return self._series_ms[1 + (step - 1) % (len(self._series_ms) - 1)]
        if step == 0:
            return self._ttft_ms if self._ttft_ms is not None else 0.05 * prompt_tokens * self._slower
        return self._itl_ms if self._itl_ms is not None else 2.0 * self._slower

    def evidence(self) -> Evidence:
        return Evidence(
            device=self._device,
            device_source="simulated",
            note="Simulated: latencies were played, no model was run and no device was used.",
            compile_cache="none",
            versions={"simulated": "1"},
        )

    def close(self) -> None:
        """There is nothing to let go of."""


def _seeded(seed: object, otherwise: str | None = None) -> random.Random:
    """A source of noise; without a seed (-1) one that ``otherwise`` stands for, or else a new one."""
    number = int(str(seed))
    return random.Random(number if number >= 0 else otherwise)


def _spin_until(deadline_ns: int) -> None:
    # Sleeping is late by a timer tick; a step of a fast model is shorter than that.
    clock = time.perf_counter_ns
    while (left := deadline_ns - clock()) > 0:
        if left > 50_000_000:
            time.sleep((left - 30_000_000) / 1e9)


def _befall(mishap: str, step: int) -> None:
    if mishap == "fail_at":
        raise BackendError(f"the simulated backend was told to fail at step {step}")
    while mishap == "hang_at":
        time.sleep(3600)
    os._exit(_EXIT_CODE)

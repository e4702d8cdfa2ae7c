from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan.flags import FLAGS
from bench.plan.options import Options

MakeOptions = Callable[..., Options]
WriteSweep = Callable[[str], str]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('backend = "simulated"\nblokcs = 3\n', 2, "unknown key 'blokcs'; a sweep file takes backend, device"),
        ("# a comment\n\n[sweep]\nblocks = 3\n", 3, "unknown key 'sweep'"),
        ('repeats = 1\nblocks = "x"\n', 2, "blocks: expected a whole number, got 'x'"),
        ("blocks = true\n", 1, "blocks: expected a whole number, got True"),
        ("blocks = 2.0\n", 1, "blocks: expected a whole number, got 2.0"),
        ("seed = 1\nprompt_tokens = [8, 0]\n", 2, "prompt_tokens: expected at least 1, got 0"),
        ("prompt_tokens = []\n", 1, "prompt_tokens: expected one or more whole numbers"),
        ('\n"backend" = ["vllm"]\n', 2, "backend: no backend 'vllm'; there are openvino-genai"),
        ("device = 1\n", 1, "device: expected names"),
        ('precision = "int3"\n', 1, "precision: no precision 'int3'"),
        ('profile = ["quick"]\n', 1, "profile: no such choice"),
        ("cooldown_s = 1979-05-27\n", 1, "cooldown_s: expected a number of seconds"),
        ("interval_target = 5\n", 1, "interval_target: expected a share such as 5% or 0.05, got 5"),
        ('seed = 1\nask = "twice"\n', 2, "ask: no such choice 'twice'"),
        ("model = 5\n", 1, "model: expected a text"),
        ('blocks = 1\nload_options = "fast"\n', 2, "load_options holds one table per backend"),
        ("blocks = 1\n[load_options.vllm]\nx = 1\n", 3, "expected BACKEND.KEY=VALUE with a backend of openvino-genai"),
        (
            "[load_options.simulated]\nttft_ms = 2\n[load_options.ort-genai]\nbogus = 1\n",
            4,
            "bogus: ort-genai has no load option 'bogus'",
        ),
        (
            "load_options.simulated.ttft_ms = 2\nload_options.simulated.speed = 1\n",
            2,
            "speed: simulated has no load option",
        ),
        ("[load_options.simulated]\nseed = 1\nfail_at = 'x'\n", 3, "fail_at: expected a whole number, got 'x'"),
        ("[load_options.simulated]\nspread = nan\n", 2, "spread: expected a number, got 'nan'"),
    ],
)
def test_a_bad_key_or_value_is_named_with_its_line(
    make_options: MakeOptions, write_sweep: WriteSweep, text: str, line: int, said: str
) -> None:
    path = write_sweep(text)
    with pytest.raises(UsageError) as caught:
        make_options("--config", path)
    assert re.match(rf"{re.escape(path)}, line {line}[:,].*{re.escape(said)}", str(caught.value))


@pytest.mark.parametrize("key", [flag.name for flag in FLAGS if not flag.in_file])
def test_what_names_programs_and_folders_is_for_the_command_line_only(
    make_options: MakeOptions, write_sweep: WriteSweep, key: str
) -> None:
    with pytest.raises(UsageError, match=f"line 2: {key} is for the command line only"):
        make_options("--config", write_sweep(f"blocks = 2\n{key} = 'x'\n"))


def test_a_file_that_is_no_toml_is_refused_with_the_line(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    with pytest.raises(UsageError, match=r"not a TOML file: .*line 2"):
        make_options("--config", write_sweep("blocks = 2\nrepeats\n"))


def test_a_file_that_is_not_there_is_refused(make_options: MakeOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--config: cannot read .*nowhere\.toml: No such file"):
        make_options("--config", str(tmp_path / "nowhere.toml"))


def test_a_file_that_is_no_text_is_refused(make_options: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"--config: cannot read .*binary\.toml"):
        make_options("--config", str(tmp_path / "binary.toml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 2_000, "not a TOML file"),
        (".".join("a" * 50_000) + " = 1", "characters in a line"),
        ("# a\n" * 400_000, "no sweep file has more than 1048576 bytes"),
    ],
    ids=["nested", "dots", "large"],
)
def test_a_file_that_would_never_be_read_to_its_end_is_refused(
    make_options: MakeOptions, write_sweep: WriteSweep, text: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make_options("--config", write_sweep(text))


def test_a_byte_order_mark_is_passed_over(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    assert make_options("--config", write_sweep("\ufeffblocks = 2\n")).blocks == 2


def test_windows_line_ends_are_counted_right(make_options: MakeOptions, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_bytes(b"blocks = 2\r\n\r\nbogus = 1\r\n")
    with pytest.raises(UsageError, match="line 3: unknown key 'bogus'"):
        make_options("--config", str(path))


def test_a_key_of_a_table_does_not_stand_for_one_above_it(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    path = write_sweep("load_options.simulated.seed = 1\nseed = 'x'\n")
    with pytest.raises(UsageError, match="line 2, seed: expected a whole number"):
        make_options("--config", path)


def test_the_layout_of_a_run_may_stand_in_a_sweep_file(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    text = 'interval_target = 0.05\nmax_time = "2h"\nmax_blocks = 20\nmax_warmups = 4\nask = ["first", "again"]\n'
    options = make_options("--config", write_sweep(text))
    assert (options.interval_target, options.max_time_s, options.max_blocks, options.max_warmups, options.asks) == (
        *(0.05, 7200, 20, 4),
        ("first", "again"),
    )

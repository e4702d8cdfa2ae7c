from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.analyse.quality import Limits
from bench.analyse.results import VERDICT_BLOCKS
from bench.errors import UsageError
from bench.plan.flags import FLAGS, LEAST_ADAPTIVE_BLOCKS
from bench.plan.options import Options

MakeOptions = Callable[..., Options]
WriteSweep = Callable[[str], str]


def test_the_default_sweep_is_the_issues(make_options: MakeOptions) -> None:
    options = make_options()
    assert (options.backends, options.devices, options.precisions, options.prompt_tokens, options.new_tokens) == (
        ("openvino-genai", "ort-genai", "transformers"),
        None,
        None,
        (32, 128, 512),
        (64,),
    )


def test_the_default_profile_is_quick(make_options: MakeOptions) -> None:
    options = make_options()
    assert (options.profile, options.blocks, options.repeats) == ("quick", 3, 3)


def test_a_profile_sets_blocks_and_repeats(make_options: MakeOptions) -> None:
    options = make_options("--profile", "thorough")
    assert (options.blocks, options.repeats) == (20, 3)


def test_blocks_win_over_the_profile(make_options: MakeOptions) -> None:
    options = make_options("--profile", "standard", "--blocks", "2")
    assert (options.blocks, options.repeats) == (2, 3)


def test_a_file_wins_over_defaults(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    options = make_options("--config", write_sweep('backend = "simulated"\nblocks = 7\n'))
    assert (options.backends, options.blocks) == (("simulated",), 7)


def test_flags_win_over_the_file(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    options = make_options("--config", write_sweep("blocks = 7\nrepeats = 2\n"), "--blocks", "5")
    assert (options.blocks, options.repeats) == (5, 2)


@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_blocks_of_a_file_win_over_a_profile_flag(
    make_options: MakeOptions, write_sweep: WriteSweep, profile: str
) -> None:
    assert make_options("--config", write_sweep("blocks = 7\n"), "--profile", profile).blocks == 7


@pytest.mark.parametrize(
    "arguments", [("--device", "cpu,GPU.0"), ("--device", "CPU", "--device", "gpu.0"), ("--device", "cpu,CPU,gpu.0")]
)
def test_devices_are_canonical_and_each_once(make_options: MakeOptions, arguments: tuple[str, ...]) -> None:
    assert make_options(*arguments).devices == ("CPU", "GPU.0")


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("openvino", "OPENVINO.CPU"),
        ("openvino.gpu.1", "OPENVINO.GPU.1"),
        ("vulkan.1", "VULKAN.1"),
        ("vulkan.llvmpipe", "VULKAN.LLVMPIPE"),
        ("ovep", "OVEP.CPU"),
        ("dml", "DML"),
        ("auto", "AUTO"),
    ],
)
def test_the_devices_of_providers_are_canonical(make_options: MakeOptions, given: str, canonical: str) -> None:
    assert make_options("--device", given).devices == (canonical,)


def test_a_fallback_is_not_allowed_unless_asked(make_options: MakeOptions) -> None:
    assert (make_options().allow_fallback, make_options("--allow-fallback").allow_fallback) == (False, True)


def test_a_file_may_allow_a_fallback(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    assert make_options("--config", write_sweep("allow_fallback = true")).allow_fallback


def test_a_switch_in_a_file_is_true_or_false(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    with pytest.raises(UsageError, match=r"sweep\.toml, line 1, allow_fallback: expected true or false, got 1"):
        make_options("--config", write_sweep("allow_fallback = 1"))


def test_precisions_are_canonical_and_each_once(make_options: MakeOptions) -> None:
    assert make_options("--precision", "INT4,int8,int4").precisions == ("int4", "int8")


def test_prompt_lengths_are_sorted(make_options: MakeOptions) -> None:
    assert make_options("--prompt-tokens", "512,32", "--prompt-tokens", "128").prompt_tokens == (32, 128, 512)


def test_a_seed_is_drawn_anew_without_one(make_options: MakeOptions) -> None:
    assert make_options().seed != make_options().seed


def test_warm_ups_are_as_long_as_what_is_timed_unless_they_are_said_to_be_shorter(make_options: MakeOptions) -> None:
    asked = [make_options(*arguments).warmup_new_tokens for arguments in ((), ("--warmup-new-tokens", "4"))]
    assert asked == [None, 4]


def test_no_warm_ups_may_be_asked_for(make_options: MakeOptions) -> None:
    assert make_options("--warmups", "0").warmups == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (2, 6)),
        (("--warmups", "0"), (0, 6)),
        (("--warmups", "9"), (9, 9)),
        (("--max-warmups", "4"), (2, 4)),
        (("--max-warmups", "1"), (1, 1)),
        (("--warmups", "0", "--max-warmups", "0"), (0, 0)),
    ],
)
def test_warm_ups_have_a_least_and_a_most(
    make_options: MakeOptions, arguments: tuple[str, ...], expected: tuple[int, int]
) -> None:
    options = make_options(*arguments)
    assert (options.warmups, options.max_warmups) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (10, 40, None)),
        (("--profile", "standard"), (10, 40, None)),
        (("--profile", "thorough", "--max-blocks", "25"), (20, 25, None)),
        (("--blocks", "12", "--max-time", "90m"), (12, 40, 5400)),
        (("--blocks", "50"), (50, 50, None)),
    ],
)
def test_an_interval_target_turns_the_blocks_into_a_minimum(
    make_options: MakeOptions, arguments: tuple[str, ...], expected: tuple[int, int, float | None]
) -> None:
    options = make_options("--interval-target", "5%", *arguments)
    assert (options.blocks, options.max_blocks, options.max_time_s) == expected


def test_a_run_that_adds_blocks_ends_with_enough_for_a_verdict() -> None:
    assert LEAST_ADAPTIVE_BLOCKS >= VERDICT_BLOCKS


def test_without_an_interval_target_the_blocks_are_what_they_are(make_options: MakeOptions) -> None:
    options = make_options("--blocks", "5")
    assert (options.interval_target, options.blocks, options.most_blocks) == (None, 5, 5)


def test_asks_come_in_their_own_order(make_options: MakeOptions) -> None:
    assert make_options("--ask", "again,first").asks == ("first", "again")


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("stack", "stack")])
def test_threads_are_a_count_or_the_stacks_own(make_options: MakeOptions, given: str, expected: int | str) -> None:
    assert make_options("--threads", given).threads == expected


def test_threads_are_open_without_the_flag(make_options: MakeOptions) -> None:
    assert make_options().threads is None


def test_load_options_are_typed_by_the_table(make_options: MakeOptions) -> None:
    options = make_options("--load-option", "simulated.fail_at=2", "--load-option", "simulated.fail_load=12")
    assert options.load_options == {"simulated": {"fail_at": 2, "fail_load": "12"}}


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("llama-cpp.type_k=int3", "f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl"),
        ("openvino-genai.inference_precision=int7", "f32, bf16, f16"),
        ("openvino-genai.compile_cache=true", "on, off"),
    ],
)
def test_a_value_that_a_load_option_does_not_have_is_refused_with_those_it_has(
    make_options: MakeOptions, option: str, choices: str
) -> None:
    value = option.partition("=")[2]
    with pytest.raises(UsageError, match=f"{re.escape(option)}: no such choice '{value}'; there are {choices}$"):
        make_options("--load-option", option)


def test_load_options_come_as_a_comma_list_too(make_options: MakeOptions) -> None:
    options = make_options("--load-option", "simulated.ttft_ms=2,simulated.itl_ms=1")
    assert options.load_options == {"simulated": {"ttft_ms": 2, "itl_ms": 1}}


def test_load_options_of_a_file_are_typed_by_the_table(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    text = (
        '[load_options.simulated]\nttft_ms = 2.5\nseed = 3\n[load_options.openvino-genai]\nattention_backend = "SDPA"\n'
    )
    assert make_options("--config", write_sweep(text)).load_options == {
        "simulated": {"ttft_ms": 2.5, "seed": 3},
        "openvino-genai": {"attention_backend": "SDPA"},
    }


def test_a_worker_is_taken_as_given_and_links_are_not_followed(make_options: MakeOptions, tmp_path: Path) -> None:
    link = tmp_path / "python, linked"
    try:
        link.symlink_to(sys.executable)
    except OSError:
        link.write_bytes(b"")
    assert make_options("--worker", f"ort-genai={link}").workers == {"ort-genai": str(link)}


def test_workers_come_as_a_comma_list_too(make_options: MakeOptions) -> None:
    given = f"ort-genai={sys.executable},simulated={sys.executable}"
    assert sorted(make_options("--worker", given).workers) == ["ort-genai", "simulated"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--backend", "vllm"),
            "--backend: no backend 'vllm'; there are openvino-genai, ort-genai, optimum-intel, npu, transformers",
        ),
        (
            ("--device", "TPU"),
            "no device 'TPU'; there are AUTO, CPU, CUDA, DML, GPU, NPU, OPENVINO, OVEP, VULKAN, WINML, XPU",
        ),
        (("--device", "HETERO:GPU,CPU"), "--device: HETERO:GPU spreads a model over several devices"),
        (("--device", "MULTI"), "--device: MULTI spreads a model over several devices"),
        (("--device", "OPENVINO.x"), "--device: no device 'X'"),
        (("--device", "GPU."), "--device: no device 'GPU.'"),
        (("--device", "GPU.x"), "--device: no device 'GPU.X'"),
        (("--precision", "int3"), "--precision: no precision 'int3'; there are int4, int8, fp16, bf16, fp32"),
        (("--profile", "slow"), "--profile: no such choice 'slow'; there are quick, standard, thorough"),
        (("--lang", "xx"), "--lang: no such choice 'xx'; there are en, tr"),
        (("--prompt-tokens", "0"), "--prompt-tokens: expected at least 1, got 0"),
        (("--prompt-tokens", "8,-1"), "--prompt-tokens: expected at least 1, got -1"),
        (("--new-tokens", "many"), "--new-tokens: expected a whole number, got 'many'"),
        (("--batch-size", "0"), "--batch-size: expected at least 1"),
        (("--blocks", "0"), "--blocks: expected at least 1"),
        (("--repeats", "2.5"), "--repeats: expected a whole number"),
        (("--warmups=-1",), "--warmups: expected at least 0"),
        (("--warmup-new-tokens", "0"), "--warmup-new-tokens: expected at least 1"),
        (("--warmups", "3", "--max-warmups", "2"), "--max-warmups: 2 is below the 3 that --warmups asks for at least"),
        (("--turns", "0"), "--turns: expected at least 1, got 0"),
        (
            ("--turns", "100000000"),
            "--turns: turn 100000000 has a prompt of 57599999936 tokens, expected at most 2147483647",
        ),
        (("--ask", "twice"), "--ask: no such choice 'twice'; there are first, again"),
        (("--load-option", "openvino-genai.prefix_caching=on"), "openvino-genai has no load option 'prefix_caching'"),
        (("--interval-target", "5"), "--interval-target: expected a share such as 5% or 0.05, got '5'"),
        (("--interval-target", "5%", "--max-time", "soon"), "--max-time: expected a time such as 90m, 2h or 1800s"),
        (("--interval-target", "5%", "--blocks", "3"), "--blocks: with --interval-target at least 10 blocks"),
        (("--interval-target", "5%", "--max-blocks", "9"), "--max-blocks: 9 is below the 10 blocks that are measured"),
        (("--max-time", "1h"), "--max-time bounds a run that adds blocks: give --interval-target too"),
        (("--max-blocks", "9"), "--max-blocks bounds a run that adds blocks: give --interval-target too"),
        (("--threads", "all"), "--threads: expected a whole number"),
        (("--threads", "0"), "--threads: expected at least 1"),
        (("--seed", "x"), "--seed: expected a whole number"),
        (("--cooldown-s=-1",), "--cooldown-s: expected a number of seconds of at least 0"),
        (("--cooldown-c", "0"), "--cooldown-c: expected a number of degrees above 0, such as 3, got '0'"),
        (("--load-timeout-s", "0"), "--load-timeout-s: expected a number of seconds above 0"),
        (("--generation-timeout-s", "soon"), "--generation-timeout-s: expected a number of seconds"),
        (("--model", " "), "--model: expected a text"),
        (("--worker", "ort-genai"), "--worker: expected NAME=PYTHON"),
        (("--worker", r"C:\v\python.exe"), r"llama-cpp-python, simulated, got 'C:\v\python.exe'"),
        (("--worker", "vllm=python"), "--worker: expected NAME=PYTHON with a name of openvino-genai"),
        (("--device", "GPU.LLVMPIPE"), "no device 'GPU.LLVMPIPE'"),
        (("--load-option", r"C:\x=1"), r"got 'C:\x=1'"),
        (("--load-option", "nonsense"), "expected BACKEND.KEY=VALUE with a backend of openvino-genai"),
        (("--load-option", "simulated.speed=1"), "simulated has no load option 'speed'; it has ttft_ms"),
        (("--load-option", "transformers.x=1"), "transformers has no load option 'x'; it has none"),
        (("--load-option", "simulated.fail_at=x"), "--load-option simulated.fail_at=x: expected a whole number"),
        (("--results-dir", ""), "--results-dir: expected a path"),
    ],
)
def test_bad_flags_are_refused_by_name(make_options: MakeOptions, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_options(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("flag", [flag.option for flag in FLAGS if not (flag.switch or flag.bare)])
def test_a_flag_without_its_value_is_refused(make_options: MakeOptions, flag: str) -> None:
    with pytest.raises(UsageError, match=f"argument {flag}: expected one argument"):
        make_options(flag)


def test_a_worker_that_is_not_there_is_refused_with_its_path(make_options: MakeOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--worker: no interpreter at .*nowhere"):
        make_options("--worker", f"ort-genai={tmp_path / 'nowhere'}")


def test_every_message_is_one_line(make_options: MakeOptions) -> None:
    with pytest.raises(UsageError) as caught:
        make_options("--backend", "vl\nlm")
    assert len(str(caught.value).splitlines()) == 1


def test_quality_is_measured_unless_it_is_left_out(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    ways = ((), ("--no-quality",), ("--config", write_sweep("no_quality = true\n")))
    assert [make_options(*way).quality for way in ways] == [True, False, False]


def test_the_limits_are_those_of_the_analysis(make_options: MakeOptions) -> None:
    assert Limits(**make_options().quality_limits) == Limits()


def test_one_limit_leaves_the_other(make_options: MakeOptions, write_sweep: WriteSweep) -> None:
    in_file = write_sweep('quality_limits = ["degraded=1.2", "broken=4"]\nreference = "none"\n')
    assert make_options("--quality-limits", "broken=3").quality_limits == {"degraded": 1.05, "broken": 3.0}
    assert make_options("--config", in_file).quality_limits == {"degraded": 1.2, "broken": 4.0}


@pytest.mark.parametrize("limits", ["worse=2", "degraded", "broken=much", "broken=1", "degraded=-2", "broken=inf"])
def test_a_limit_that_is_none_is_refused(make_options: MakeOptions, limits: str) -> None:
    with pytest.raises(UsageError, match=f"--quality-limits: expected degraded=RATIO,.* got '{limits}'"):
        make_options("--quality-limits", limits)


def test_broken_is_not_better_than_degraded(make_options: MakeOptions) -> None:
    with pytest.raises(UsageError, match=r"--quality-limits: broken=2.5 is below degraded=3: give both"):
        make_options("--quality-limits", "degraded=3")


def test_perplexities_are_compared_with_the_models_own_weights(make_options: MakeOptions) -> None:
    assert make_options().reference == "auto"

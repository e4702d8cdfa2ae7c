"""Models of the Hugging Face hub by its real client, from a hub on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.errors import BenchError
from bench.prepare import converter
from bench.prepare.cache import ArtifactStore
from bench.prepare.model_facts import ModelFacts
from bench.prepare.model_source import resolve_model
from bench.prepare.preparation import Wanted
from bench.prepare.stage import Preparer
from tests.support.hub_server import Hub, serving
from tests.support.models import write_index, write_weights

pytestmark = pytest.mark.conversion

NAME, COMMIT, OLDER = (
    "acme/tiny",
    "0cb88a4f764b7a12671c53f0838cd831a0843b95",
    "50968a4468ef4233ed78cd7c3de230dd1d61a56b",
)
SECRET = "hf_verySecretTokenOfSomebody"
SIDES = ["config.json", "tokenizer.json"]
CHUNK = 10 * 1024 * 1024
"""What the client takes of a transfer at once."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    for name in tuple(os.environ):
        if name.startswith(("HF_", "HUGGING")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield hub


def write_model(folder: Path, *, rows: int = 8, shards: bool = False) -> Path:
    """A model of ``rows`` times 4 weights; ``shards`` has them in two files."""
    folder.mkdir(parents=True)
    config = {"vocab_size": 8, "max_position_embeddings": 100, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    weights = {"model.embed_tokens.weight": np.ones((rows, 4)), "lm_head.weight": np.ones((8, 4))}
    if not shards:
        write_weights(folder / "model.safetensors", weights)
        return folder
    placed = {name: f"model-{number}-of-00002.safetensors" for number, name in enumerate(weights, 1)}
    for name, file in placed.items():
        write_weights(folder / file, {name: weights[name]})
    write_index(folder, placed)
    return folder


@pytest.fixture
def folder(tmp_path: Path, hub: Hub) -> Path:
    """The folder of a model that is on the hub."""
    made = write_model(tmp_path / "upstream")
    hub.add(NAME, made, COMMIT)
    return made


class User(NamedTuple):
    """Starts a preparation as a command does, with a cache of its own."""

    python: str
    cache: Path
    said: list[str]

    def preparer(self, spec: str = NAME) -> Preparer:
        source = resolve_model(spec)
        return Preparer(source, conversion_python=self.python, cache=self.cache, say=self.said.append)

    def refused(self, spec: str = NAME) -> str:
        with pytest.raises(BenchError) as caught:
            self.preparer(spec).model()
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def user(conversion_python: str, tmp_path: Path) -> User:
    return User(conversion_python, tmp_path / "cache", [])


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir() if file.name != "manifest.json")


# -- what is downloaded


def test_a_model_is_downloaded_once(hub: Hub, folder: Path, user: User) -> None:
    model = user.preparer().model()
    assert (model.source.label, model.revision, model.facts.parameters) == (NAME, COMMIT, 64)
    assert names(model.path) == names(folder)
    assert all((model.path / name).read_bytes() == (folder / name).read_bytes() for name in names(folder))
    assert user.said[0] == f"downloading {NAME} at commit {COMMIT[:12]}: 3 files, 0 MB"
    assert user.said[1].startswith(f"downloaded {NAME} at commit {COMMIT[:12]}: done in ")
    assert not any(ArtifactStore(user.cache).downloads.iterdir())
    hub.asked.clear()
    assert user.preparer().model().path == model.path
    assert [one.path for one in hub.asked if "/api/models" in one.path or "/resolve/" in one.path] == [
        f"/api/models/{NAME}"
    ]


def test_of_shards_those_that_the_index_names_are_taken(hub: Hub, tmp_path: Path, user: User) -> None:
    folder = write_model(tmp_path / "sharded", shards=True)
    strays = (
        *("consolidated.safetensors", "model-00001-of-00009.safetensors", "pytorch_model-00001-of-00002.bin"),
        *("pytorch_model.bin.index.json", "modeling_tiny.py", "onnx/model.onnx", "original/params.json"),
        *("tiny-Q4_1.gguf", "README.md", ".gitattributes", "openvino/openvino_model.xml", "figure.png"),
    )
    for name in strays:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"stray")
    hub.add(NAME, folder, COMMIT)
    wanted = [*SIDES, *(f"model-{number}-of-00002.safetensors" for number in (1, 2)), "model.safetensors.index.json"]
    assert names(user.preparer().model().path) == sorted(wanted)
    assert hub.files() == sorted(wanted)


def test_an_index_of_many_tensors_is_read(hub: Hub, tmp_path: Path, user: User) -> None:
    """A model of hundreds of experts has an index that is larger than any other configuration may be."""
    folder = write_model(tmp_path / "experts", shards=True)
    index = folder / "model.safetensors.index.json"
    larger = {"metadata": {"note": "x" * 17_000_000}, **json.loads(index.read_text("utf-8"))}
    index.write_text(json.dumps(larger), "utf-8")
    hub.add(NAME, folder, COMMIT)
    assert user.preparer().model().facts.parameters == 64


def test_the_plan_knows_the_model_before_it_is_here(hub: Hub, tmp_path: Path, user: User) -> None:
    folder = write_model(tmp_path / "counted", rows=1000)
    hub.add(NAME, folder, COMMIT, parameters={"F32": 4032})
    preparer, size = user.preparer(), (folder / "model.safetensors").stat().st_size
    assert preparer.expected_facts == ModelFacts(4032, 8, 100, (), {"fp32": 4032}, size)
    labels = [work.label for work in preparer.pending([Wanted("openvino-ir", "int8", "CPU")])]
    assert labels[:2] == [f"the download of {NAME} (0 MB)", f"{NAME} to openvino-ir int8"]
    assert hub.files() == ["config.json"]


@pytest.mark.parametrize("saved", [False, True])
def test_a_token_goes_to_the_hub_alone_and_is_kept_nowhere(
    hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    if saved:
        # As `hf auth login` leaves it.
        file = Path(os.environ["HF_HOME"], "token")
        file.parent.mkdir()
        file.write_text(SECRET, "utf-8")
    else:
        monkeypatch.setenv("HF_TOKEN", SECRET)
    user.preparer().model()
    assert {one.token for one in hub.asked if one.host == "127.0.0.1" and "agent" not in one.path} == {
        f"Bearer {SECRET}"
    }
    assert {one.token for one in hub.asked if one.host == "localhost"} == {None}
    kept = [file for file in user.cache.rglob("*") if file.is_file()]
    assert kept
    assert not any(SECRET.encode() in file.read_bytes() for file in kept)
    assert SECRET not in "".join(user.said)


def test_a_model_that_is_quantized_already_is_refused_before_it_is_downloaded(
    hub: Hub, folder: Path, user: User
) -> None:
    (folder / "config.json").write_text('{"quantization_config": {"quant_method": "fp8"}}', "utf-8")
    hub.add(NAME, folder, COMMIT)
    assert user.refused().startswith(f"{NAME}: this model is quantized already (fp8)")
    assert hub.files() == ["config.json"]


# -- what breaks off


@pytest.fixture
def large(hub: Hub, tmp_path: Path) -> Path:
    """The folder of a model on the hub whose weights are two and a half of the client's chunks."""
    made = write_model(tmp_path / "large", rows=int(2.5 * CHUNK / 16))
    hub.add(NAME, made, COMMIT)
    return made


def ranges(hub: Hub) -> list[str | None]:
    return [one.range for one in hub.asked if one.path.endswith("model.safetensors") and one.host == "localhost"]


@pytest.mark.fault("download")
def test_a_connection_that_breaks_is_gone_on_with(hub: Hub, large: Path, user: User) -> None:
    hub.cut["model.safetensors"] = CHUNK + CHUNK // 2
    preparer = user.preparer()
    wait = converter._wait

    def watching(process: Any, watch: Callable[[], None]) -> int:
        def healing() -> None:
            if len(ranges(hub)) > 1:
                hub.cut.clear()
            watch()

        return wait(process, healing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(converter, "_wait", watching)
        path = preparer.model().path
    assert (path / "model.safetensors").read_bytes() == (large / "model.safetensors").read_bytes()
    assert {None, f"bytes={CHUNK}-"} <= set(ranges(hub))


def interrupt(patch: pytest.MonkeyPatch, cache: Path, least: int) -> None:
    """Ctrl-C when ``least`` bytes have come."""
    wait = converter._wait

    def interrupted(process: Any, watch: Callable[[], None]) -> int:
        def look() -> None:
            if sum(file.stat().st_size for file in (cache / "downloads").rglob("*.incomplete")) >= least:
                raise KeyboardInterrupt

        return wait(process, look)

    patch.setattr(converter, "_wait", interrupted)


@pytest.mark.fault("download")
def test_a_second_start_goes_on_where_the_first_was_interrupted(
    hub: Hub, large: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.stall["model.safetensors"] = CHUNK + CHUNK // 2
    with monkeypatch.context() as patch:
        interrupt(patch, user.cache, CHUNK)
        with pytest.raises(KeyboardInterrupt):
            user.preparer().model()
    hub.stall.clear()
    hub.asked.clear()
    user.said.clear()
    path = user.preparer().model().path
    assert (path / "model.safetensors").read_bytes() == (large / "model.safetensors").read_bytes()
    assert ranges(hub) == [f"bytes={CHUNK}-"]
    assert "tokenizer.json" not in hub.files()
    assert ", 10 MB of it here from before" in user.said[0]


def test_what_a_download_left_is_removed_where_it_is_of_no_use(hub: Hub, folder: Path, user: User) -> None:
    hub.altered.add("model.safetensors")
    assert "model.safetensors of acme/tiny did not arrive as the hub describes it: run again" in user.refused()
    hub.altered.clear()
    assert names(user.preparer().model().path) == names(folder)


def test_a_disk_that_is_too_small_is_said_before(
    hub: Hub, large: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(user.cache.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    said = user.refused()
    assert said.startswith(f"downloading {NAME} at commit {COMMIT[:12]} needs 26 MB of disk, 1 MB are free: free some")
    assert hub.files() == ["config.json"]


# -- what cannot be


def test_a_gated_model_says_how_to_log_in(hub: Hub, folder: Path, user: User) -> None:
    hub.repositories[NAME].gated = True
    said = user.refused()
    assert said.startswith(f"{NAME} is gated: accept its licence on {hub.address}/{NAME}, then log in with `")
    assert said.endswith("auth login`, or set HF_TOKEN to an access token of yours")


def test_a_gated_model_without_access_says_what_is_missing(
    hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[NAME].gated = True
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert user.refused().startswith(f"{NAME} is gated, and the account that is logged in has no access: accept its")


@pytest.mark.parametrize("token", [None, SECRET])
def test_a_name_that_does_not_exist(hub: Hub, user: User, token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    said = user.refused("acme/tinny")
    assert said.startswith("there is no folder acme/tinny here and no model of that name on 127.0.0.1:")
    assert ", or it is private: check the name on" in said


def test_a_token_that_is_not_taken(hub: Hub, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    hub.status, hub.error_message = 401, "Invalid credentials in Authorization header"
    assert user.refused().startswith("the hub does not take the access token: log in with")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "has an error of its own (503); try again in some minutes"),
        (429, "refuses for now (429, too many requests); try again in some minutes"),
    ],
)
def test_a_hub_that_is_not_well(hub: Hub, user: User, status: int, said: str) -> None:
    hub.status = status
    found = user.refused()
    assert found.startswith(f"the model {NAME} is not here, and the hub cannot be asked: 127.0.0.1:")
    assert said in found


def nowhere() -> str:
    """An address at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def test_no_network(hub: Hub, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", nowhere())
    assert "cannot be reached (ConnectError); check the network, set HTTPS_PROXY for a proxy" in user.refused()


def test_a_proxy_that_is_not_there(hub: Hub, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", nowhere())
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    assert "hub.invalid cannot be reached by the proxy of HTTPS_PROXY or the system (ConnectError)" in user.refused()


def test_a_proxy_is_gone_through(hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.address)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    assert user.preparer().model().revision == COMMIT


def test_a_proxy_that_the_client_cannot_use(hub: Hub, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    said = user.refused()
    assert "the client cannot use the proxy of the environment (" in said
    assert said.endswith("; set HTTPS_PROXY to an address that begins with http://, and unset ALL_PROXY")


def test_a_mirror_whose_lists_have_no_sizes_is_asked_for_each_file(hub: Hub, folder: Path, user: User) -> None:
    hub.sizes = False
    assert names(user.preparer().model().path) == names(folder)
    assert {one.path.rpartition("/")[2] for one in hub.asked if one.method == "HEAD"} == set(names(folder))
    assert hub.asked[-1].method == "GET"


@pytest.mark.parametrize("endpoint", ["hub.invalid", "https://"])
def test_an_endpoint_that_is_no_address(hub: Hub, user: User, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert "HF_ENDPOINT is no address; set it to one like https://huggingface.co" in user.refused()


def test_a_page_that_asks_to_log_in_is_not_the_hub(hub: Hub, user: User) -> None:
    hub.status = 200
    assert "is not the hub; check HF_ENDPOINT, and whether the network asks to log in first" in user.refused()


def test_a_revision_that_does_not_exist(hub: Hub, folder: Path, user: User) -> None:
    said = user.refused(f"{NAME}@v9")
    assert said.startswith(f"{NAME} has no revision 'v9': give a branch, tag or whole commit of {hub.address}/{NAME}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["a-Q4_1.gguf", "b.gguf"], "holds GGUF files and no safetensors (a-Q4_1.gguf, b.gguf): download one of them"),
        (["pytorch_model.bin", "config.json"], "has its weights as pickles alone (pytorch_model.bin), which can run"),
    ],
)
def test_other_formats_are_refused_before_anything_is_downloaded(
    hub: Hub, tmp_path: Path, user: User, files: list[str], said: str
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"no model")
    hub.add(NAME, folder, COMMIT)
    assert said in user.refused()
    assert hub.files() == []


# -- revisions


def test_two_revisions_are_two_artifacts(hub: Hub, folder: Path, tmp_path: Path, user: User) -> None:
    hub.add(NAME, write_model(tmp_path / "older", rows=16), OLDER)
    repository = hub.repositories[NAME]
    repository.refs = {"main": COMMIT, "v1": OLDER, "dev/next": COMMIT}
    newest, tag = user.preparer().model(), user.preparer(f"{NAME}@v1").model()
    assert (newest.revision, tag.revision) == (COMMIT, OLDER)
    assert (newest.digest != tag.digest, newest.path != tag.path, tag.facts.parameters) == (True, True, 96)
    hub.asked.clear()
    assert user.preparer(f"{NAME}@dev/next").model().path == newest.path
    assert user.preparer(f"{NAME}@{OLDER}").model().path == tag.path
    assert hub.files() == []


def test_a_branch_that_has_moved_is_downloaded_again(hub: Hub, folder: Path, tmp_path: Path, user: User) -> None:
    first = user.preparer().model()
    hub.add(NAME, write_model(tmp_path / "newer", rows=16), OLDER)
    second = user.preparer().model()
    assert (first.revision, second.revision) == (COMMIT, OLDER)


def test_a_commit_with_the_same_weights_takes_them_from_the_one_before(hub: Hub, folder: Path, user: User) -> None:
    before = user.preparer().model()
    (folder / "config.json").write_text((folder / "config.json").read_text("utf-8") + "\n", "utf-8")
    hub.add(NAME, folder, OLDER)
    hub.asked.clear()
    after = user.preparer().model()
    assert (after.revision, hub.files()) == (OLDER, ["config.json", "tokenizer.json"])
    assert (after.path / "model.safetensors").samefile(before.path / "model.safetensors")


# -- without the hub


def test_without_a_network_the_commit_that_is_here_is_used_and_named(
    hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = user.preparer().model()
    user.said.clear()
    monkeypatch.setenv("HF_ENDPOINT", nowhere())
    assert user.preparer().model() == before
    (said,) = user.said
    reason = f"{os.environ['HF_ENDPOINT'][7:]} cannot be reached (ConnectError)"
    assert said == f"the hub cannot be asked ({reason}): {NAME} at commit {COMMIT[:12]}, which is here, is used"


def test_a_named_commit_asks_nobody(hub: Hub, folder: Path, user: User) -> None:
    before = user.preparer().model()
    hub.asked.clear()
    user.said.clear()
    found = user.preparer(f"{NAME}@{COMMIT}").model()
    assert replace(found, source=before.source) == before
    assert (hub.asked, user.said) == ([], [])


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_is_respected(
    hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    assert "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set; unset it, or download" in user.refused()
    assert hub.asked == []


def test_another_revision_is_not_made_up_without_a_network(
    hub: Hub, folder: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.preparer().model()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert user.refused(f"{NAME}@v1").startswith(f"the model {NAME}@v1 is not here, and the hub cannot be asked")


# -- the user's own cache


@pytest.fixture
def in_cache(hub: Hub, folder: Path, conversion_python: str) -> Path:
    """The model's snapshot in the user's own cache, where the hub's own program has put it."""
    hf = Path(conversion_python).with_name("hf.exe" if sys.platform == "win32" else "hf")
    subprocess.run([hf, "download", NAME], check=True, capture_output=True)
    hub.asked.clear()
    (snapshot,) = Path(os.environ["HF_HOME"], "hub", "models--acme--tiny", "snapshots").iterdir()
    return snapshot


def test_a_model_in_the_users_cache_is_taken_from_there(hub: Hub, in_cache: Path, user: User) -> None:
    model = user.preparer().model()
    assert (model.revision, names(model.path), hub.files()) == (COMMIT, names(in_cache), [])
    assert user.said[0].endswith("3 files, 0 MB; 3 of the files (0 MB) are on this machine already")
    weights = "model.safetensors"
    assert (in_cache / weights).resolve().samefile(model.path / weights)


def test_what_the_users_cache_lacks_is_downloaded(hub: Hub, in_cache: Path, user: User) -> None:
    (in_cache / "model.safetensors").unlink()
    user.preparer().model()
    assert hub.files() == ["model.safetensors"]


def test_the_users_cache_serves_without_a_network(
    hub: Hub, in_cache: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert user.preparer().model().revision == COMMIT
    assert hub.asked == []
    assert f"{NAME} at commit {COMMIT[:12]}, which is here, is used" in user.said[0]


def test_half_a_model_in_the_users_cache_does_not_serve(
    hub: Hub, in_cache: Path, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_cache / "model.safetensors").unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "is not here, and the hub cannot be asked" in user.refused()

"""Bundles: all that a check needs, nothing that says who or where, and no harm from anybody's."""

from __future__ import annotations

import getpass
import io
import json
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hashbench.claims.bundle_format import LIST
from hashbench.claims.pack import pack
from hashbench.claims.repeat import differences
from hashbench.claims.sources import claims
from hashbench.claims.unpack import unpacked
from hashbench.claims.verdicts import Verified, verify
from hashbench.errors import DamagedFileError, HashbenchError, InputError
from hashbench.plan import spec as specs
from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder
from hashbench.runs.seal import file_digest
from tests.claims.commands import call

Members = dict[str, bytes]


@pytest.fixture
def bundle(trained: RunFolder, tmp_path: Path) -> Path:
    return pack([trained], tmp_path / "table.tar").path


def members(path: Path) -> Members:
    with tarfile.open(path) as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def rewritten(path: Path, content: Members, *, listed: bool = False) -> None:
    """A bundle of that content; with `listed` its list fits, as whoever deceives would see to."""
    if listed:
        listing = json.loads(content[LIST])
        import hashlib

        listing["files"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in content.items()
            if name != LIST
        }
        content = content | {LIST: json.dumps(listing).encode()}
    with tarfile.open(path, "w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def checked(path: Path, data_dir: Path) -> list[Verified]:
    with claims([str(path)], path.parent) as found:
        return [verify(one.run, data_dir, listed=one.listed) for one in found]


def test_it_holds_everything_and_nothing_else(
    trained: RunFolder, bundle: Path, data_dir: Path, tmp_path: Path
) -> None:
    root = f"runs/{trained.id}"
    content = members(bundle)
    assert sorted(content) == [
        LIST, f"{root}/codes/16.npz", f"{root}/result.json", f"{root}/spec.toml",
    ]  # fmt: skip
    whole = bundle.read_bytes()
    for secret in (str(Path.home()), str(data_dir), str(trained.path.parent), socket.gethostname()):
        assert secret.encode() not in whole
    assert results.read(trained.result).facts["data folder"] == str(data_dir)  # there was one
    with tarfile.open(bundle) as archive:
        for one in archive.getmembers():
            assert (one.uid, one.gid, one.uname, one.gname, one.mtime) == (0, 0, "", "", 0)
    assert getpass.getuser().encode() not in content[LIST]
    os.utime(trained.spec)
    assert pack([trained], tmp_path / "again.tar").path.read_bytes() == whole
    (verified,) = checked(bundle, data_dir)
    assert [one.holds for one in verified.verdicts] == [True, True, True, True, None]


def test_the_encoder_goes_along_where_it_is_asked_for(
    trained: RunFolder, data_dir: Path, tmp_path: Path
) -> None:
    (verified,) = checked(pack([trained], tmp_path / "e.tar", encoder=True).path, data_dir)
    assert [one.holds for one in verified.verdicts] == [True] * 5


def sealed(content: Members, change: Callable[[dict[str, Any]], object], folder: Path) -> Members:
    """The members with a changed result whose digest fits."""
    name = next(name for name in content if name.endswith("result.json"))
    plain = json.loads(content[name])
    change(plain)
    return content | {name: results.encoded(msgspec.convert(plain, results.Result))}


def file_of(content: Members, end: str) -> str:
    return next(name for name in content if name.endswith(end))


def edit_score(content: Members, folder: Path) -> Members:
    name = file_of(content, "result.json")
    score = json.loads(content[name])["scores"]["16"]["i2t"]["mAP@all"]
    return content | {name: content[name].replace(str(score).encode(), b"0.9876")}


def edit_score_and_seal(content: Members, folder: Path) -> Members:
    return sealed(content, lambda c: c["scores"]["16"]["t2i"].update({"mAP@all": 0.99}), folder)


def edit_floor_and_seal(content: Members, folder: Path) -> Members:
    return sealed(content, lambda c: c["floors"]["16"].update({"mAP@all": 0.01}), folder)


def edit_split_and_seal(content: Members, folder: Path) -> Members:
    return sealed(content, lambda c: c["split"].update(hash="1234567890abcdef"), folder)


def edit_spec(content: Members, folder: Path) -> Members:
    name = file_of(content, "spec.toml")
    return content | {name: content[name].replace(b"seed = 0", b"seed = 7", 1)}


def edit_codes_and_seal(content: Members, folder: Path) -> Members:
    """One bit of one code, the digest with it; only the scores tell."""
    name = file_of(content, "16.npz")
    with np.load(io.BytesIO(content[name])) as arrays:
        parts = dict(arrays)
    parts["query_image"] = parts["query_image"] ^ np.uint64(255)
    (folder / "16.npz").parent.mkdir(exist_ok=True)
    np.savez_compressed(folder / "16.npz", **parts)
    data, digest = (folder / "16.npz").read_bytes(), file_digest(folder / "16.npz")
    return sealed(
        content | {name: data}, lambda c: c["code_digests"].update({"16": digest}), folder
    )


def leave_codes_out(content: Members, folder: Path) -> Members:
    return {name: data for name, data in content.items() if not name.endswith(".npz")}


def leave_result_out(content: Members, folder: Path) -> Members:
    return {name: data for name, data in content.items() if not name.endswith("result.json")}


def swap_the_id(content: Members, folder: Path) -> Members:
    return {name.replace("-lsh-", "-soda-"): data for name, data in content.items()}


def truncate_codes(content: Members, folder: Path) -> Members:
    name = file_of(content, "16.npz")
    return content | {name: content[name][:-40]}


TAMPERINGS = [
    edit_score, edit_score_and_seal, edit_floor_and_seal, edit_split_and_seal, edit_spec,
    edit_codes_and_seal, leave_codes_out, leave_result_out, swap_the_id, truncate_codes,
]  # fmt: skip


@pytest.mark.parametrize("listed", [False, True], ids=["list as it was", "list made anew"])
@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_what_was_tampered_with_does_not_verify(
    tamper: Callable[[Members, Path], Members],
    listed: bool,
    bundle: Path,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rewritten(bundle, tamper(members(bundle), tmp_path / "scratch"), listed=listed)
    code, out, error = call(capsys, "verify", str(bundle), "--data-dir", str(data_dir))
    assert code in (1, 2), out
    assert "Traceback" not in error
    assert "WRONG" in out if code == 1 else error.startswith("error: ")


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.type, one.linkname = kind, link
    return one


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (entry("../../evil.toml"), "no file that a bundle holds"),
        (entry("/etc/spec.toml"), "no file that a bundle holds"),
        (entry("runs/../../x/spec.toml"), "no file that a bundle holds"),
        (entry("runs/a/notes.txt"), "no file that a bundle holds"),
        (entry("runs/a/spec.toml", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (entry("runs/a/spec.toml", tarfile.LNKTYPE, LIST), "no plain file"),
        (entry("runs/a/spec.toml", tarfile.FIFOTYPE), "no plain file"),
        (entry("runs/a", tarfile.DIRTYPE), "no plain file"),
        (entry(LIST), "is there twice"),
    ],
)
def test_hostile_entries_are_refused_before_they_do_harm(
    hostile: tarfile.TarInfo, words: str, bundle: Path, tmp_path: Path
) -> None:
    with tarfile.open(bundle, "a") as archive:
        archive.addfile(hostile)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DamagedFileError, match=words), unpacked(bundle):
        pass
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["runs/../spec.toml", "/etc/spec.toml", "runs/a/b.txt", LIST])
def test_a_list_that_leads_elsewhere_is_refused(name: str, bundle: Path) -> None:
    content = members(bundle)
    listing = json.loads(content[LIST])
    listing["files"][name] = {"size": 1, "sha256": "0"}
    rewritten(bundle, content | {LIST: json.dumps(listing).encode()})
    with pytest.raises(DamagedFileError, match="its list names"), unpacked(bundle):
        pass


def test_sizes_that_are_claimed_are_not_believed(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    huge = tarfile.TarInfo("runs/a/codes/16.npz")
    huge.size = 1 << 40
    bundle.write_bytes(huge.tobuf() + bytes(content))
    with pytest.raises(DamagedFileError, match="too large"), unpacked(bundle):
        pass


def test_noise_is_refused_and_never_a_crash(bundle: Path, data_dir: Path) -> None:
    whole, draw = bundle.read_bytes(), np.random.default_rng(0)
    for number in range(120):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: draw.integers(1, len(content))]
        for place in draw.integers(0, min(len(content), 4096), 4):
            content[place] = draw.integers(256)
        bundle.write_bytes(bytes(content))
        try:
            with claims([str(bundle)], bundle.parent) as found:
                assert found
        except HashbenchError:
            continue


def test_what_cannot_be_bundled_is_said(
    copy: Callable[[], RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy()
    out = tmp_path / "t.tar"
    text = run.result.read_text()
    run.result.write_text(text.replace('"sample": 60', '"sample": 61'))
    with pytest.raises(InputError, match="changed after scoring"):
        pack([run], out)
    run.result.unlink()
    with pytest.raises(InputError, match="not finished"):
        pack([run], out)
    assert not out.exists()
    code, _, error = call(
        capsys, "bundle", "last", "-o", "t.zip", "--runs-dir", str(run.path.parent)
    )
    assert code == 2
    assert "named .tar" in error


def test_a_split_file_goes_along_without_its_path(
    trained: RunFolder, copy: Callable[[], RunFolder], tmp_path: Path, data_dir: Path
) -> None:
    from hashbench.datasets import named_splits
    from hashbench.engine.data import load_dataset, split_of

    run = copy()
    spec = specs.read(run.spec)
    dataset = load_dataset(spec.dataset, data_dir)
    file = tmp_path / "mine.json"
    named_splits.write_split(file, split_of(spec, dataset), dataset)
    own = msgspec.structs.replace(spec.dataset, split=str(file))
    spec = msgspec.structs.replace(spec, dataset=own)
    run.spec.write_text(specs.to_toml(spec))
    sealed_result = msgspec.structs.replace(results.read(run.result), spec_hash=spec.hash)
    results.write(run.result, sealed_result)
    path = pack([run], tmp_path / "s.tar").path
    file.unlink()
    assert str(tmp_path).encode() not in path.read_bytes()
    (verified,) = checked(path, data_dir)
    assert verified.holds
    assert next(one.holds for one in verified.verdicts if one.check == "split") is True


def test_a_bundle_is_repeated_and_compared(
    trained: RunFolder,
    bundle: Path,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rewritten(bundle, edit_codes_and_seal(members(bundle), tmp_path / "scratch"), listed=True)
    runs = tmp_path / "runs"
    words = ["--runs-dir", str(runs), "--data-dir", str(data_dir)]
    code, out, _ = call(capsys, "run", "--from", str(bundle), "--json", *words)
    page = json.loads(out.splitlines()[-1])
    assert (code, page["equal"]) == (1, False)
    assert page["differences"] == ["16 bits: 50.00% of query bits of image differ"]
    # the repetition is that of the run which the bundle was made of before it was edited
    assert differences(trained, RunFolder(runs / page["run"])) == []
    code, _, error = call(capsys, "run", "--from", "last", "--bits", "32", *words)
    assert code == 2
    assert "--from" in error

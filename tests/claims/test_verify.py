"""An edited figure is found: by digests, or by what follows from the codes, data and encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hashbench.claims.verdicts import Verified, verify
from hashbench.codefiles.native import CodeSet, read_codes, write_codes
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan import spec as specs
from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder
from hashbench.runs.seal import file_digest

Copy = Callable[[], RunFolder]


def wrong(verified: Verified) -> list[str]:
    return [one.check for one in verified.verdicts if one.holds is False]


def edited(run: RunFolder, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the result and seals it anew, as whoever wants to deceive would."""
    content = msgspec.to_builtins(results.read(run.result))
    change(content)
    results.write(run.result, msgspec.convert(content, results.Result))


def recoded(run: RunFolder, change: Callable[[CodeSet], CodeSet]) -> None:
    """Changes the codes, and the scores and digests with them."""
    from hashbench.engine.evaluation import score_length

    (codes,) = read_codes(run.codes)
    codes = change(codes)
    digest = file_digest(write_codes(run.codes, codes))
    length = score_length(codes, ("i2t", "t2i"), digest)
    edited(
        run,
        lambda content: content.update(
            scores={"16": length.scores}, floors={"16": length.floors},
            codes={"16": length.facts}, code_digests={"16": digest},
            without_relevant=length.without_relevant,
        ),
    )  # fmt: skip


def test_a_run_as_it_was_holds_in_every_check(trained: RunFolder, data_dir: Path) -> None:
    before = {path: path.read_bytes() for path in trained.path.rglob("*") if path.is_file()}
    verified = verify(trained, data_dir)
    assert verified.holds
    assert [(one.check, one.holds) for one in verified.verdicts] == [
        ("digests", True), ("scores", True), ("codes", True), ("split", True), ("encoder", True),
    ]  # fmt: skip
    after = {path: path.read_bytes() for path in trained.path.rglob("*") if path.is_file()}
    assert before == after


def test_an_edit_without_a_new_digest(copy: Copy, data_dir: Path) -> None:
    run = copy()
    text = run.result.read_text()
    run.result.write_text(text.replace('"sample": 60', '"sample": 61'))
    assert wrong(verify(run, data_dir, encoder=False)) == ["digests"]


def better(content: dict[str, Any]) -> None:
    content["scores"]["16"]["i2t"]["mAP@all"] += 1e-4


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (better, "scores", "i2t mAP@all at 16 bits is"),
        (lambda c: c["floors"]["16"].update({"mAP@all": 0.1}), "scores", "floor of mAP@all"),
        (lambda c: c["codes"]["16"]["image"].update(distinct=400.0), "scores", "distinct of image"),
        (lambda c: c.update(without_relevant=3), "scores", "without a relevant item"),
        (lambda c: c["scores"].update({"32": c["scores"]["16"]}), "scores", "32 bits"),
        (lambda c: c["split"].update(query=70), "codes", "60 query items, the split says 70"),
        (lambda c: c["split"].update(hash="0" * 16), "split", "hash of the split"),
        (lambda c: c["split"].update(fit=10), "split", "size of part fit"),
        (lambda c: c["dataset"].update(fingerprint="f"), "split", "fingerprint"),
        (lambda c: c.update(protocol="published"), "codes", "another protocol"),
    ],
)
def test_an_edit_that_was_sealed_anew(
    copy: Copy, data_dir: Path, change: Callable[[dict[str, Any]], object], check: str, words: str
) -> None:
    run = copy()
    edited(run, change)
    verified = verify(run, data_dir, encoder=False)
    assert check in wrong(verified)
    assert words in next(one.text for one in verified.verdicts if one.check == check)


def flipped_labels(codes: CodeSet) -> CodeSet:
    labels = codes.query_labels.to_bools().copy()
    labels[0] = ~labels[0]
    return msgspec_replace(codes, query_labels=LabelMasks.from_multi_hot(labels))


def msgspec_replace(codes: CodeSet, **changes: Any) -> CodeSet:
    from dataclasses import replace

    return replace(codes, **changes)


def other_ids(codes: CodeSet) -> CodeSet:
    return msgspec_replace(codes, query_ids=codes.query_ids[::-1])


def query_in_database(codes: CodeSet) -> CodeSet:
    ids = [*codes.database_ids[:-1], codes.query_ids[0]]
    return msgspec_replace(codes, database_ids=ids)


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (flipped_labels, "split", "has other labels in the dataset"),
        (other_ids, "split", "the split has"),
        (query_in_database, "codes", "is in the database, too"),
    ],
)
def test_codes_of_other_items_scored_anew(
    copy: Copy, data_dir: Path, change: Callable[[CodeSet], CodeSet], check: str, words: str
) -> None:
    run = copy()
    recoded(run, change)
    verified = verify(run, data_dir, encoder=False)
    assert check in wrong(verified)
    assert {"digests", "scores"}.isdisjoint(wrong(verified))
    assert words in next(one.text for one in verified.verdicts if one.check == check)


def test_codes_that_the_encoder_did_not_make(copy: Copy, data_dir: Path) -> None:
    def leaked(codes: CodeSet) -> CodeSet:
        bits = codes.query["image"].to_bools().copy()
        bits[:, 0] = codes.query_labels.to_bools()[:, 0]
        return msgspec_replace(codes, query=dict(codes.query) | {"image": Codes.from_signs(bits)})

    run = copy()
    recoded(run, leaked)
    verified = verify(run, data_dir)
    assert wrong(verified) == ["encoder"]
    assert "are not the encoder's" in verified.verdicts[-1].text


def test_an_audit_that_did_not_end_so(copy: Copy, data_dir: Path) -> None:
    run = copy()
    edited(run, lambda content: content["audit"].update(sample=10))
    assert wrong(verify(run, data_dir)) == ["encoder"]


def test_a_spec_that_was_not_run(copy: Copy, data_dir: Path) -> None:
    run = copy()
    spec = msgspec.structs.replace(specs.read(run.spec), seed=5)
    run.spec.write_text(specs.to_toml(spec))
    assert "digests" in wrong(verify(run, data_dir, encoder=False))
    edited(run, lambda content: content.update(spec_hash=spec.hash))
    # sealed anew it is the encoder's checkpoint that belongs to another spec
    assert wrong(verify(run, data_dir)) == ["encoder"]


def test_what_is_missing_is_said_and_not_believed(copy: Copy, data_dir: Path) -> None:
    run = copy()
    (run.checkpoint / "last.safetensors").unlink()
    run.checkpoint.rmdir()
    without = verify(run, data_dir)
    assert without.holds
    assert without.verdicts[-1].holds is None
    assert "run --from" in without.verdicts[-1].text
    (run.codes / "16.npz").unlink()
    assert wrong(verify(run, data_dir)) == ["scores"]
    run.result.unlink()
    with pytest.raises(InputError, match="no result"):
        verify(run, data_dir)


def test_the_command_says_what_holds(
    copy: Copy, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.claims.commands import call

    run = copy()
    words = ["--runs-dir", str(run.path.parent), "--data-dir", str(data_dir), "--no-encoder"]
    code, out, _ = call(capsys, "verify", "last", *words)
    assert code == 0
    assert f"{run.id}: verified" in out
    edited(run, better)
    code, out, _ = call(capsys, "verify", "last", *words)
    assert code == 1
    assert "scores   WRONG" in out
    code, out, _ = call(capsys, "verify", "last", *words, "--json")
    (page,) = json.loads(out)
    assert (code, page["holds"]) == (1, False)
    assert {one["check"]: one["holds"] for one in page["verdicts"]}["scores"] is False
    assert np.isfinite(results.read(run.result).scores["16"]["i2t"]["mAP@all"])
    code, _, error = call(capsys, "verify", "no-such", *words)
    assert code == 2
    assert "there is no run named 'no-such'" in error

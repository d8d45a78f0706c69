"""Codes of finished runs for other programs, with what has to be known about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.codefiles.code_export import CodeForm, check_available, check_one_file
from hashbench.codefiles.native import CodeSet, read_codes
from hashbench.errors import InputError
from hashbench.report.comparison import marks_of
from hashbench.report.naming import full_name
from hashbench.report.rows import Finished, collect
from hashbench.runs.layout import RunFolder


def finished_run(run: RunFolder) -> Finished:
    """A run whose codes can be handed on. Raises InputError for one that is not finished."""
    collected = collect([run])
    if collected.damaged:
        raise InputError(collected.damaged[0])
    if not collected.finished:
        raise InputError(
            f"is {collected.unfinished[0].status}, so that it has no codes yet",
            where=run.id,
            remedy=f"hashbench show {run.id}",
        )
    return collected.finished[0]


def about(run: Finished) -> dict[str, str]:
    """What goes with the codes of a run; `marks` says what keeps them from being compared."""
    result = run.result
    return {
        "run": run.run.id,
        "variant": full_name(run.spec),
        "dataset": str(result.dataset["name"]),
        "split": f"{result.split['name']} {result.split['hash']}",
        "backbone": run.spec.backbone.name,
        "protocol": run.spec.protocol,
        "audit": result.audit.verdict,
        "marks": "; ".join(sorted(marks_of(run))),
    }


def export_codes(
    run: Finished, form: CodeForm, output: Path, wanted: Sequence[int] = ()
) -> list[Path]:
    """Writes the codes of a run, all lengths or those `wanted`; returns files and folders.

    `output` is a file where it ends as the form's files do, else a folder with a file or folder for
    each length. Raises InputError before anything is written.
    """
    check_available(form)
    every = read_codes(run.run.codes)
    lengths = [codes.bits for codes in every]
    if unknown := sorted(set(wanted) - set(lengths)):
        raise InputError(
            f"{run.run.id} has no codes of {unknown[0]} bits",
            where="--bits",
            remedy=f"it has {', '.join(map(str, lengths))}",
        )
    chosen = [codes for codes in every if not wanted or codes.bits in wanted]
    targets = _targets(form, output, chosen)
    for path, codes in targets.items():
        form.write(path, codes, {**about(run), "bits": str(codes.bits)})
    return list(targets)


def _targets(form: CodeForm, output: Path, chosen: Sequence[CodeSet]) -> dict[Path, CodeSet]:
    """Where each length goes."""
    if form.suffix and output.suffix.lower() == form.suffix:
        check_one_file(form, output, [codes.bits for codes in chosen])
        return {output: chosen[0]}
    if output.is_file():
        raise InputError(
            "is a file", where=output, remedy=f"a folder{form.suffix and ', or *' + form.suffix}"
        )
    return {output / f"{codes.bits}{form.suffix}": codes for codes in chosen}

"""`hashbench datasets`: every command, and every option with a wrong value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from hashbench.cli.cache import app as cache_app
from hashbench.cli.datasets import app
from hashbench.engine.data import split_of
from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand

RUNNER = CliRunner()


def call(*arguments: object) -> Result:
    """Runs a command; errors of ours are raised, as `hashbench.cli.main` gets them."""
    return invoke(app, arguments)


def call_cache(*arguments: object) -> Result:
    return invoke(cache_app, arguments)


def invoke(commands: typer.Typer, arguments: tuple[object, ...]) -> Result:
    result = RUNNER.invoke(commands, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """A folder of forty pictures and a table of them."""
    folder = tmp_path / "birds"
    folder.mkdir()
    lines = ["file,caption,labels"]
    for number in range(40):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,bird {number},{'odd' if number % 2 else 'even'}")
    (tmp_path / "birds.csv").write_text("\n".join(lines))
    return folder


def add(birds: Path, *more: object) -> Result:
    data = ("--data-dir", birds.parent / "data")
    return call(
        "add", "birds", "--images", birds, "--table", birds.parent / "birds.csv", *data, *more
    )


def test_list_names_every_dataset(tmp_path: Path, birds: Path) -> None:
    shown = call("list", "--data-dir", tmp_path).stdout
    for name in ("picturebook", "coco", "mirflickr25k", "nuswide", "iaprtc12", "packaged"):
        assert name in shown
    add(birds)
    lines = json.loads(call("list", "--json", "--data-dir", tmp_path / "data").stdout)
    available = {line["name"]: line["available"] for line in lines}
    assert available["birds"]
    assert available["picturebook"]
    assert not available["coco"]


def test_list_and_show_say_what_is_missing(tmp_path: Path) -> None:
    """COCO of 2017 alone is no COCO of 2014; a folder may be spelled as the archive spells it."""
    for name in ("captions_val2017.json", "instances_val2017.json", "../val2017/1.jpg"):
        path = tmp_path / "coco" / "annotations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    official = (
        "Groundtruth/AllLabels/Labels_sky.txt",
        "ImageList/Imagelist.txt",
        "NUS_WID_Tags/All_Tags.txt",
        "Flickr/1.jpg",
    )
    for name in official:
        path = tmp_path / "NUS-WIDE" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    listed = json.loads(call("list", "--json", "--data-dir", tmp_path).stdout)
    available = {line["name"] for line in listed if line["available"]}
    assert {"coco", "coco-2017", "nuswide", "nuswide-10"} <= available
    assert not {"coco-2014", "nuswide-tags1k", "mirflickr25k"} & available
    (line,) = [line for line in listed if line["name"] == "coco-2014"]
    assert "captions (annotations/captions_*2014.json)" in line["missing"]
    for name in ("coco-2014", "nuswide-tags1k", "mirflickr25k"):
        with pytest.raises(InputError, match="the files go into <data-dir>/"):
            call("show", name, "--data-dir", tmp_path)


def test_a_damaged_registration_does_not_hide_the_others(birds: Path) -> None:
    add(birds)
    data = birds.parent / "data"
    (data / "worse").mkdir()
    (data / "worse" / "hashbench.toml").write_text("kind = 3")
    result = call("list", "--data-dir", data)
    assert "birds" in result.stdout
    assert "worse/hashbench.toml: is not a registration" in result.stderr


def test_show_tells_the_facts(tmp_path: Path) -> None:
    shown = call("show", "picturebook-tiny", "--no-tokens", "--data-dir", tmp_path).stdout
    assert "460, " in shown
    assert "60 queries, 400 database items" in shown
    facts = json.loads(
        call("show", "picturebook-tiny", "--no-tokens", "--json", "--data-dir", tmp_path).stdout
    )
    assert facts["items"] == 460
    assert facts["split"]["query"] == 60
    assert 0.4 < facts["relevant_share"] < 0.6
    named = call(
        "show", "picturebook-tiny", "--no-tokens", "--split", "mith", "--query-size", 30
    ).stdout
    assert "mith" in named
    assert "30 queries, 430 database items" in named


def test_preview_writes_a_png(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    call("preview", "picturebook-tiny", "--out", out, "--columns", 2, "--rows", 1)
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
    with pytest.raises(InputError, match="cannot be written"):
        call("preview", "picturebook-tiny", "--out", tmp_path / "none" / "sheet.png")


def test_a_registered_dataset_is_like_any_other(birds: Path) -> None:
    added = add(birds, "--title", "Birds", "--query-size", 5, "--train-size", 20)
    assert "registered birds: 40 items, 2 classes" in added.stdout
    data = ("--data-dir", birds.parent / "data")
    shown = call("show", "birds", "--no-tokens", *data).stdout
    assert "Birds (birds)" in shown
    assert "5 queries, 35 database items, 18 fitted, 2 validation queries" in shown
    assert "verdict: usable" in call("check", "birds", "--no-tokens", *data).stdout
    with pytest.raises(InputError, match="birds is a dataset already"):
        add(birds)
    assert add(birds, "--replace").exit_code == 0


def test_a_split_is_written_and_read_again(birds: Path) -> None:
    add(birds)
    data = ("--data-dir", birds.parent / "data")
    out = birds.parent / "split.json"
    written = call("split", "birds", "--split", "mith", "--out", out, *data).stdout
    digest = json.loads(out.read_text())["hash"]
    assert digest in written
    assert digest in call("show", "birds", "--no-tokens", "--split", out, *data).stdout
    checked = call("check", "birds", "--no-tokens", "--split", out, *data)
    assert checked.exit_code == 0
    assert "mith 4 / 18 / 36" in checked.stdout


def test_check_says_what_is_wrong_and_what_to_do(birds: Path) -> None:
    (birds / "3.png").write_bytes(b"torn")
    path = birds.parent / "birds.csv"
    (birds / "table.csv").write_text(path.read_text())
    result = call("check", birds, "--no-tokens", "--data-dir", birds.parent / "data")
    assert result.exit_code == 1
    assert "problem pictures: 1 of 40 pictures cannot be read" in result.stdout
    assert "remedy: fetch them again" in result.stdout
    assert "verdict: not to be used" in result.stdout
    result = call("check", birds, "--no-tokens", "--json", "--data-dir", birds.parent / "data")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["worst"] == "problem"
    assert {"check", "level", "message", "remedy", "facts"} == set(report["findings"][0])
    quick = call("check", birds, "--no-tokens", "--no-pictures", "--data-dir", birds.parent)
    assert quick.exit_code == 0


def test_a_registration_is_removed_and_the_pictures_stay(birds: Path) -> None:
    add(birds)
    data = ("--data-dir", birds.parent / "data")
    with pytest.raises(InputError, match="add --yes"):
        call("rm", "birds", *data)
    assert "birds" in call("list", *data).stdout
    removed = call("rm", "birds", "--yes", *data)
    assert "stay where they are" in removed.stdout
    assert not (birds.parent / "data" / "birds").exists()
    assert len(list(birds.glob("*.png"))) == 40
    assert (birds.parent / "birds.csv").is_file()
    with pytest.raises(UnknownNameError):
        call("show", "birds", "--no-tokens", *data)


def test_only_registrations_are_removed(birds: Path) -> None:
    add(birds)
    data = ("--data-dir", birds.parent / "data")
    with pytest.raises(UnknownNameError, match="did you mean birds"):
        call("rm", "bird", "--yes", *data)
    with pytest.raises(InputError, match="coco is not registered"):
        call("rm", "coco", "--yes", *data)
    home = birds.parent / "data" / "birds"
    (home / "hashbench.toml").write_text("torn")  # a damaged one can be removed as well
    (home / "notes.txt").touch()
    call("rm", "birds", "--yes", *data)
    assert [path.name for path in home.iterdir()] == ["notes.txt"]


def test_show_and_check_and_run_agree_on_the_split_of_a_small_dataset(birds: Path) -> None:
    """The registered sizes no longer fit once rows are gone: all three shrink them alike."""
    add(birds, "--query-size", 10, "--train-size", 30)
    table = birds.parent / "birds.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:25]))
    data = ("--data-dir", birds.parent / "data")
    shown = json.loads(call("show", "birds", "--no-tokens", "--json", *data).stdout)["split"]
    report = json.loads(call("check", "birds", "--no-tokens", "--json", *data).stdout)
    (splits,) = [f["facts"] for f in report["findings"] if f["check"] == "splits"]
    (spec,) = expand(Request(dataset=["birds"]), birds.parent / "data")
    dataset = catalog.load("hashbench.datasets.custom:load")(
        birds.parent / "data", {"name": "birds"}
    )
    drawn = split_of(spec, dataset)
    assert shown["hash"] == splits["own"]["hash"] == drawn.hash
    assert len(drawn.query) == 4


def test_show_on_a_read_only_data_folder_names_the_cache(
    birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(birds)
    data = birds.parent / "data"
    monkeypatch.delenv("HASHBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(birds.parent / "home"))
    data.chmod(0o555)
    try:
        shown = call("show", "birds", "--no-tokens", "--data-dir", data).stdout
        checked = call("check", "birds", "--no-tokens", "--data-dir", data).stdout
        listed = call_cache("ls", "--data-dir", data).stdout
        assert not (data / "cache").exists()
    finally:
        data.chmod(0o755)
    cache = birds.parent / "home" / "hashbench"
    for output in (shown, checked, listed):
        assert str(cache) in output.replace("\n", "")
    (kept,) = cache.glob("data-*/pictures/*.jsonl")
    assert len(kept.read_bytes().splitlines()) == 40


def test_control_characters_of_a_file_do_not_reach_the_terminal(birds: Path) -> None:
    text = (birds.parent / "birds.csv").read_text().replace("odd", "\x1b[31modd")
    (birds.parent / "birds.csv").write_text(text)
    add(birds)
    shown = call("show", "birds", "--no-tokens", "--data-dir", birds.parent / "data").stdout
    assert "\x1b" not in shown
    assert "?[31modd" in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("show", "cocoo"), "did you mean coco"),
        (("show", "picturebook-tiny", "--split", "prompthsh"), "did you mean prompthash"),
        (("show", "picturebook-tiny", "--split", "none.json"), "is missing"),
        (("show", "picturebook-tiny", "--query-size", "460"), "460"),
        (("preview", "picturebok"), "did you mean picturebook"),
        (("check", "no/such/folder"), "does not exist"),
        (("split", "picturebook-tiny", "--out", "x.txt"), "does not end in .json"),
        (("add", "x"), "either --images and --table, or --features"),
        (("add", "x", "--images", "."), "--table is missing"),
        (("add", "x", "--table", "t.csv"), "--images is missing"),
        (("add", "x", "--images", ".", "--table", "t.csv", "--features", "f.mat"), "either"),
        (("add", "coco", "--features", "f.mat"), "coco is a dataset already"),
        (("add", "A B", "--features", "f.mat"), "is not a name for a dataset"),
        (("add", "x", "--features", "none.mat"), "has no none.mat"),
    ],
)
def test_wrong_values_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "show":
        arguments = (*arguments, "--no-tokens")
    if arguments[0] == "check":
        arguments = (*arguments, "--no-tokens")
    with pytest.raises(InputError, match=problem):
        call(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "picturebook-tiny", "--query-size", "0"),
        ("preview", "picturebook-tiny", "--columns", "0"),
        ("check", "picturebook-tiny", "--workers", "0"),
        ("split", "picturebook-tiny"),
        ("nothing",),
    ],
)
def test_wrong_options_end_with_code_2(arguments: tuple[str, ...]) -> None:
    assert call(*arguments).exit_code == 2

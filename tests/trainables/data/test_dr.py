"""Four retinopathy sets: either layout gives the same set in the same order, faults are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_layouts import write_picture
from dr_samples import PICTURES, drop, write_grades, write_lines, write_official
from PIL import Image, ImageFile

from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.data.cards import data_status, get_data_card, reference_status
from trainables.data.doctor import doctor
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.data.pixels import read_image
from trainables.data.prepare import prepare
from trainables.data.sets.dr import DOMAINS
from trainables.data.sets.dr_grades import GRADES
from trainables.errors import DatasetError
from trainables.generalisation.splits import open_domains, seed_hash


def train(locations: Locations, *domains: str, name: str = "dr") -> ImageSet:
    return load_split(DataRef(name=name, domains=domains), "train", locations)


def names(image_set: ImageSet) -> list[str]:
    return [Path(path).name for path in image_set.ids]


def test_cards_agree_with_the_module() -> None:
    card = get_data_card("dr")
    assert card.domains == DOMAINS == get_data_card("dr_deduplicated").domains
    assert card.classes == GRADES
    assert sum(map(sum, card.expected_classes.values())) == card.expected_counts["train"] == 95_308
    assert card.expected_classes["messidor"][4] == 0
    assert list(card.expected_classes) == list(DOMAINS)


@pytest.mark.parametrize("write", [write_grades, write_official])
def test_domains_go_grade_by_grade_and_name_by_name(
    write: Callable[[Path], Path], tmp_path: Path, locations: Locations
) -> None:
    prepare("dr", write(tmp_path / "in"), locations)
    images = train(locations)
    listed = [
        (domain, grade, name)
        for domain in ("aptos", "eyepacs", "messidor", "messidor_2")
        for grade in range(5)
        for name in sorted(n for n, g in PICTURES[domain] if g == grade)
    ]
    assert list(zip(images.domain_of, images.labels, names(images), strict=True)) == listed


def test_either_layout_and_spelling_is_the_same_set(tmp_path: Path, locations: Locations) -> None:
    spelled = {
        "aptos": "APTOS",
        "eyepacs": "EyePACS",
        "messidor": "Messidor",
        "messidor_2": "Messidor2",
    }
    folders = [
        write_official(tmp_path / "official"),
        write_grades(tmp_path / "grades"),
        write_grades(tmp_path / "spelled", spelled),
        write_grades(tmp_path / "domainbed" / "DR", spelled).parent,
    ]
    digests = {prepare("dr", folder, locations).digest for folder in folders}
    assert len(digests) == 1


def test_order_is_part_of_the_identity(tmp_path: Path, locations: Locations) -> None:
    # Parts of a domain are drawn by position: other names, other parts, another set.
    source = write_grades(tmp_path / "in")
    first = prepare("dr", source, locations).digest
    folder = source / "aptos" / "0"
    (folder / "a0.png").rename(folder / "z0.png")
    assert prepare("dr", source, locations).digest != first


def test_wrong_counts_name_domain_and_grades(tmp_path: Path, locations: Locations) -> None:
    prepared = prepare("dr", write_grades(tmp_path / "in"), locations)
    assert "train: 33 pictures instead of 95308" in prepared.differs
    assert "messidor: 1/1/2/1/0 pictures per class, not 546/153/247/254/0" in prepared.differs
    (warning,) = (p for p in doctor("dr", locations) if p.where == "dr")
    assert (warning.severity, warning.what) == ("warning", prepared.differs)


def test_some_domains_can_be_prepared_and_opened_alone(
    tmp_path: Path, locations: Locations
) -> None:
    prepared = prepare(
        "dr", drop(write_official(tmp_path / "in"), "eyepacs", "messidor"), locations
    )
    assert prepared.absent_domains == ("eyepacs", "messidor")
    assert "; eyepacs: no pictures; messidor: no pictures; messidor_2: 1/" in prepared.differs
    assert set(train(locations, "messidor_2", "aptos").domain_of) == {"aptos", "messidor_2"}
    assert data_status("dr", locations).present
    with pytest.raises(
        DatasetError, match=r"prepared without eyepacs, messidor\. Get .*'xenograft"
    ):
        train(locations)
    with pytest.raises(DatasetError, match=r"prepared without eyepacs\. Get"):
        train(locations, "aptos", "eyepacs")
    status = reference_status(DataRef(name="dr", domains=("aptos",)), locations)
    assert (status.present, status.digest) == (True, prepared.digest)


def test_there_is_nothing_but_training_pictures(tmp_path: Path, locations: Locations) -> None:
    prepare("dr", write_grades(tmp_path / "in"), locations)
    with pytest.raises(DatasetError, match="dr/val: no pictures, the data set has none for val"):
        load_split(DataRef(name="dr"), "val", locations)


def stray_folder(root: Path) -> None:
    (root / "DeepDR").mkdir()


def two_spellings(root: Path) -> None:
    (root / "Messidor2").mkdir()


def no_folder(root: Path) -> None:
    drop(root, *PICTURES)


def stray_grade(root: Path) -> None:
    (root / "aptos" / "5").mkdir()


def fourth_grade_of_messidor(root: Path) -> None:
    write_picture(root / "messidor" / "4" / "x.png", 7)


def file_that_is_no_picture(root: Path) -> None:
    (root / "eyepacs" / "0" / "Thumbs.db").touch()


def grade_without_pictures(root: Path) -> None:
    for path in (root / "aptos" / "3").iterdir():
        path.unlink()


def empty_domain(root: Path) -> None:
    drop(root, "messidor_2")
    (root / "messidor_2").mkdir()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (stray_folder, r"in/DeepDR is none of the domains aptos, eyepacs, messidor, messidor_2"),
        (two_spellings, r"Messidor2 and messidor_2 are both 'messidor_2'"),
        (no_folder, r"in has no folder of a domain"),
        (stray_grade, r"aptos/5 is not one of the grades 0 to 4"),
        (fourth_grade_of_messidor, r"messidor/4 is not one of the grades 0 to 3"),
        (file_that_is_no_picture, r"eyepacs/0/Thumbs.db is no picture"),
        (grade_without_pictures, r"in/aptos: no training picture of class 'Severe'"),
        (empty_domain, r"messidor_2/messidor_data.csv is missing"),
    ],
)
def test_fault_in_the_folders_is_named(
    fault: Callable[[Path], None], message: str, tmp_path: Path, locations: Locations
) -> None:
    source = write_grades(tmp_path / "in")
    fault(source)
    with pytest.raises(DatasetError, match=message):
        prepare("dr", source, locations)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path, locations: Locations) -> None:
    source = write_grades(tmp_path / "in")
    before = prepare("dr", source, locations)
    (source / ".cache").mkdir()
    (source / "aptos" / "0" / "._a0.png").touch()
    assert prepare("dr", source, locations) == before


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("aptos/train.csv", "c0,0", "c0,7", r"train.csv, line 2: grade '7' is not one of 0 to 4"),
        ("aptos/train.csv", "c0,0", "lost,0", r"line 2: there is no picture .*train_images/lost"),
        ("eyepacs/trainLabels.csv", "3_left,3", "3_right,3", r"eyepacs: '3_right.jpeg' is listed"),
        (
            "messidor/Annotation_Base11.csv",
            ",0,0",
            ",4,0",
            r"Base11.csv, line 2: grade '4'.* 0 to 3",
        ),
        ("messidor/Annotation_Base34.csv", "Retinopathy", "DR", r"no column 'Retinopathy grade'"),
        ("messidor/Annotation_Base34.csv", "20051022", "2", r"line 3: there is no picture '2_3855"),
        ("messidor_2/messidor_data.csv", "0.0,1", "0.0,yes", r"adjudicated_gradable is 'yes'"),
        ("messidor_2/messidor_data.csv", ",4.0,", ",,", r"line 5: grade ''"),
        ("messidor_2/messidor_data.csv", "IM000009", "IM000011", r"'IM000011.JPG' is listed twice"),
    ],
)
def test_fault_in_a_table_names_file_and_line(
    table: str, old: str, new: str, message: str, tmp_path: Path, locations: Locations
) -> None:
    source = write_official(tmp_path / "in")
    text = (source / table).read_text()
    assert old in text
    write_lines(source / table, text.replace(old, new).splitlines())
    with pytest.raises(DatasetError, match=message):
        prepare("dr", source, locations)


def test_spreadsheets_of_messidor_must_be_exported(tmp_path: Path, locations: Locations) -> None:
    source = write_official(tmp_path / "in")
    (source / "messidor" / "Annotation_Base34.csv").unlink()
    message = r"Annotation_Base34.csv is missing. Open Annotation_Base34.xls .*comma-separated"
    with pytest.raises(DatasetError, match=message):
        prepare("dr", source, locations)


def test_eyepacs_without_its_test_part_is_refused(tmp_path: Path, locations: Locations) -> None:
    source = write_official(tmp_path / "in")
    (source / "eyepacs" / "retinopathy_solution.csv").unlink()
    with pytest.raises(DatasetError, match=r"retinopathy_solution.csv is missing.*88,702"):
        prepare("dr", source, locations)


def test_ambiguous_picture_of_messidor_is_refused(tmp_path: Path, locations: Locations) -> None:
    source = write_official(tmp_path / "in")
    write_picture(source / "messidor" / "Base34" / "20051024_38557_0100_PP.png", 5)
    with pytest.raises(DatasetError, match=r"Base11/.*\.tif and .*Base34/.*\.png are both picture"):
        prepare("dr", source, locations)


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    """A photograph-like JPEG that breaks off in its middle."""
    path = tmp_path / "cut.jpeg"
    smooth = np.add.outer(np.arange(96), np.arange(128))[..., None] * np.array([0.5, 0.9, 1.1])
    noise = np.random.default_rng(0).integers(0, 12, (96, 128, 3))
    Image.fromarray((smooth + noise).astype(np.uint8)).save(path, quality=95)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_mended_jpeg_is_what_pillow_makes_of_it(
    truncated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatasetError, match=r"cut\.jpeg"):
        read_image(truncated)
    mended_chw = read_image(truncated, mend=True).numpy()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(truncated) as image:
        pillow_chw = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.abs(mended_chw.astype(int) - pillow_chw).max() <= 3


def test_mending_leaves_whole_pictures_alone(tmp_path: Path) -> None:
    for name in ("x.jpeg", "x.png"):
        write_picture(tmp_path / name, 3)
        plain, mended = read_image(tmp_path / name), read_image(tmp_path / name, mend=True)
        np.testing.assert_array_equal(plain.numpy(), mended.numpy())


def test_truncated_jpeg_is_a_picture_here_and_a_warning_of_the_doctor(
    truncated: Path, tmp_path: Path, locations: Locations
) -> None:
    source = write_grades(tmp_path / "in")
    truncated.rename(source / "eyepacs" / "0" / "10_left.jpeg")
    prepare("dr", source, locations)
    images = train(locations, "eyepacs")
    assert images.image(names(images).index("10_left.jpeg")).shape == (3, 96, 128)
    (problem,) = (p for p in doctor("dr", locations, full=True) if "10_left" in p.where)
    assert (problem.severity, problem.what) == ("warning", "breaks off; the missing part is flat")


def test_doctor_counts_what_messidor_and_its_successor_share(
    tmp_path: Path, locations: Locations
) -> None:
    source = write_grades(tmp_path / "in")
    original = source / "messidor" / "2" / "20051026_38557_0100_PP.tif"
    (source / "messidor_2" / "2" / "IM000009.JPG").unlink()
    (source / "messidor_2" / "2" / "renamed.tif").write_bytes(original.read_bytes())
    prepare("dr", source, locations)
    problems = doctor("dr", locations, full=True)
    assert {p.severity for p in problems} == {"warning"}
    (shared,) = (p for p in problems if p.where == "messidor and messidor_2")
    assert "2 pictures of messidor_2 have the name of one of messidor, 1 its content" in shared.what


def test_doctor_says_nothing_of_it_when_only_one_is_there(
    tmp_path: Path, locations: Locations
) -> None:
    prepare("dr", drop(write_grades(tmp_path / "in"), "messidor"), locations)
    assert not [p for p in doctor("dr", locations) if "messidor and" in p.where]


def test_deduplicated_set_leaves_shared_pictures_out(tmp_path: Path, locations: Locations) -> None:
    source = write_grades(tmp_path / "in")
    prepare("dr", source, locations)
    prepare("dr_deduplicated", source, locations)
    for domain in ("aptos", "eyepacs", "messidor"):
        every, kept = (names(train(locations, domain, name=n)) for n in ("dr", "dr_deduplicated"))
        assert kept == every
    kept = names(train(locations, "messidor_2", name="dr_deduplicated"))
    assert kept == [
        "IM000011.JPG",
        "IM000009.JPG",
        "20051027_38557_0100_PP.png",
        "IM000012.JPG",
    ]
    assert not [p for p in doctor("dr_deduplicated", locations) if "messidor and" in p.where]


def test_deduplication_that_recognises_nothing_is_refused(
    tmp_path: Path, locations: Locations
) -> None:
    source = drop(write_grades(tmp_path / "in"), "messidor")
    with pytest.raises(DatasetError, match=r"no picture of messidor_2 has the name or the content"):
        prepare("dr_deduplicated", source, locations)


@pytest.mark.parametrize("write", [write_grades, write_official])
def test_parts_of_a_domain_are_those_of_a_folder_of_grades(
    write: Callable[[Path], Path], tmp_path: Path, locations: Locations
) -> None:
    prepare("dr", write(tmp_path / "in"), locations)
    context = Context.local(locations.store, locations)
    opened = open_domains(DataRef(name="dr"), ["eyepacs"], 0.2, context)
    keys = [
        n for grade in range(5) for n in sorted(n for n, g in PICTURES["eyepacs"] if g == grade)
    ]
    np.random.RandomState(seed_hash(0, 1)).shuffle(keys)
    found = names(opened.images)
    assert [found[row] for row in opened.parts[0].outside] == keys[: len(keys) // 5]
    assert [found[row] for row in opened.parts[0].inside] == keys[len(keys) // 5 :]

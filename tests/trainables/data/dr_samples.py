"""Small made retinopathy sets in DomainBed's layout and in those of their publishers."""

from __future__ import annotations

import shutil
from pathlib import Path

from data_layouts import write_picture

Pictures = dict[str, list[tuple[str, int]]]
"""Domain -> (name of the file, grade) of every picture."""

# Names sort otherwise than they are listed, and than the folders some of them are in.
PICTURES: Pictures = {
    "aptos": [(f"{name}.png", grade) for grade in range(5) for name in (f"c{grade}", f"a{grade}")],
    "eyepacs": [
        (f"{n}_{eye}.jpeg", n % 5) for n in (12, 3, 10, 4, 21, 15) for eye in ("right", "left")
    ],
    "messidor": [(f"2005{n}_38557_0100_PP.tif", n % 4) for n in (1024, 1019, 1021, 1026, 1022)],
    "messidor_2": [
        *((f"2005{n}_38557_0100_PP.png", n % 4) for n in (1019, 1024, 1027)),
        ("IM000012.JPG", 4),
        ("IM000009.JPG", 2),
        ("IM000011.JPG", 1),
    ],
}  # fmt: skip


def write_grades(root: Path, spelled: dict[str, str] | None = None) -> Path:
    """Write folders by domain and grade; ``spelled`` names the folders of some domains."""
    for domain, pictures in PICTURES.items():
        for name, grade in pictures:
            folder = root / (spelled or {}).get(domain, domain) / str(grade)
            write_picture(folder / name, seed(domain, name))
    return root


def write_official(root: Path) -> Path:
    """Write the same pictures as their publishers lay them out."""
    write_aptos(root / "aptos")
    write_eyepacs(root / "eyepacs")
    write_messidor(root / "messidor")
    write_messidor_2(root / "messidor_2")
    return root


def write_aptos(folder: Path) -> None:
    lines = ["id_code,diagnosis"]
    for name, grade in PICTURES["aptos"]:
        write_picture(folder / "train_images" / name, seed("aptos", name))
        lines.append(f"{name.removesuffix('.png')},{grade}")
    write_lines(folder / "train.csv", lines)
    write_picture(folder / "test_images" / "unlabelled.png", 99)


def write_eyepacs(folder: Path) -> None:
    train, test = ["image,level"], ["image,level,Usage"]
    for name, grade in PICTURES["eyepacs"]:
        image = name.removesuffix(".jpeg")
        in_train = image.startswith(("12", "3", "21", "10"))
        write_picture(folder / ("train" if in_train else "test") / name, seed("eyepacs", name))
        (train if in_train else test).append(f"{image},{grade}" + ("" if in_train else ",Private"))
    write_lines(folder / "trainLabels.csv", train)
    write_lines(folder / "retinopathy_solution.csv", test)


def write_messidor(folder: Path) -> None:
    for base, pictures in (("11", PICTURES["messidor"][:3]), ("34", PICTURES["messidor"][3:])):
        lines = ["Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema "]
        for name, grade in pictures:
            write_picture(folder / f"Base{base}" / name, seed("messidor", name))
            lines.append(f"{name},Service Ophtalmologie,{grade},0")
        write_lines(folder / f"Annotation_Base{base}.csv", lines)
        (folder / f"Annotation_Base{base}.xls").write_bytes(b"\xd0\xcf\x11\xe0")


def write_messidor_2(folder: Path) -> None:
    lines = ["image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable"]
    for name, grade in PICTURES["messidor_2"]:
        write_picture(folder / "IMAGES" / name, seed("messidor_2", name))
        lines.append(f"{name.replace('.JPG', '.jpg')},{grade}.0,0.0,1")
    write_picture(folder / "IMAGES" / "IM000099.JPG", 98)
    lines.append("IM000099.jpg,,,0")
    write_lines(folder / "messidor_data.csv", lines)


def write_lines(table: Path, lines: list[str]) -> None:
    table.write_text("\n".join(lines) + "\n")


def seed(domain: str, name: str) -> int:
    """Return a number for every picture."""
    return 1000 * list(PICTURES).index(domain) + [n for n, _ in PICTURES[domain]].index(name)


def drop(root: Path, *domains: str) -> Path:
    for domain in domains:
        shutil.rmtree(root / domain)
    return root

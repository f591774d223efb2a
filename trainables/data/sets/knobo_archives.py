"""Where the pictures of KnoBo's twenty sets come from, and how its split files name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """Where pictures come from.

    Args:
        pictures: what to fetch, and the paths that the split files expect.
    """

    title: str
    pictures: str
    homepage: str
    licence: str


ISIC = Archive(
    title="ISIC archive",
    pictures="pictures of the ISIC archive as ISIC/images/ISIC_<7 digits>.JPG (this spelling)",
    homepage="https://www.isic-archive.com",
    licence="CC0, CC BY or CC BY-NC 4.0, picture by picture",
)
HAM10000 = Archive(
    title="HAM10000",
    pictures="both parts of HAM10000 in one folder, as HAM10000/images/ISIC_<7 digits>.jpg",
    homepage="https://doi.org/10.7910/DVN/DBW86T",
    licence="CC BY-NC 4.0",
)
PAD_UFES_20 = Archive(
    title="PAD-UFES-20",
    pictures="PAD-UFES-20/images/PAT_<patient>_<lesion>_<number>.png, all parts in one folder",
    homepage="https://data.mendeley.com/datasets/zr7vgbcyr2/1",
    licence="CC BY 4.0",
)
MELANOMA = Archive(
    title="Melanoma Skin Cancer Dataset of 10000 Images",
    pictures="Melanoma/{train,test}/{benign,malignant}/melanoma_<number>.jpg",
    homepage="https://www.kaggle.com/datasets/hasnainjaved/melanoma-skin-cancer-dataset-of-10000-images",
    licence="as its page on Kaggle says",
)
UWATERLOO = Archive(
    title="University of Waterloo skin cancer database",
    pictures="UWaterloo/{melanoma,notmelanoma}/{dermIS,dermquest}/<name>_orig.jpg",
    homepage="https://uwaterloo.ca/vision-image-processing-lab/research-demos/skin-cancer-detection",
    licence="research, as its page says",
)
NIH = Archive(
    title="NIH ChestX-ray14",
    pictures="NIH-CXR/images_<3 digits>/images/<8 digits>_<3 digits>.png, the twelve folders",
    homepage="https://www.kaggle.com/datasets/nih-chest-xrays/data",
    licence="no restriction, with attribution to the NIH Clinical Center",
)
CHEXPERT = Archive(
    title="CheXpert",
    pictures="CheXpert-v1.0/train/patient<number>/study<number>/view<number>_frontal.jpg of the "
    "full release (not 'small')",
    homepage="https://stanfordmlgroup.github.io/competitions/chexpert/",
    licence="Stanford University Dataset Research Use Agreement; no redistribution",
)
NIH_AND_CHEXPERT = Archive(
    title="NIH ChestX-ray14 and CheXpert",
    pictures=f"{NIH.pictures}, and {CHEXPERT.pictures}",
    homepage=f"{NIH.homepage}, {CHEXPERT.homepage}",
    licence=f"NIH: {NIH.licence}; CheXpert: {CHEXPERT.licence}",
)
PNEUMONIA = Archive(
    title="Chest X-Ray Images (Pneumonia)",
    pictures="pneumonia/images/{train,val,test}/{NORMAL,PNEUMONIA}/<name>.jpeg",
    homepage="https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia",
    licence="CC BY 4.0",
)
COVID_QU = Archive(
    title="COVID-19 Radiography Database",
    pictures="COVID-QU/images/<class>-<number>.png, all classes in one folder",
    homepage="https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database",
    licence="as its page on Kaggle says",
)
OPEN_I = Archive(
    title="Open-i, Indiana University chest radiographs",
    pictures="open-i/images/<name>.dcm.png",
    homepage="https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university",
    licence="as its page on Kaggle says",
)
VINDR_CXR = Archive(
    title="VinDr-CXR",
    pictures="vindr-cxr/images/<32 hexadecimal digits>.png, converted from DICOM",
    homepage="https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection",
    licence="rules of the VinBigData competition; no redistribution",
)

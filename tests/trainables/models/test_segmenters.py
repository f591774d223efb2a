"""Every segmenter keeps the promises of the one interface."""

import dataclasses

import pytest
import timm
import torch
from open_clip.tokenizer import SimpleTokenizer
from transformers import CLIPTokenizer
from transformers.models.clipseg.modeling_clipseg import CLIPSegDecoder

from trainables.config import BackboneRef
from trainables.errors import ConfigError, SelectionError
from trainables.models.catalogue.biomed_clipseg import BIOMED_CLIPSEG
from trainables.models.catalogue.clipseg import CLIPSEG, CLIPSEG_TWIN
from trainables.models.factory import create_backbone
from trainables.models.segmenter_cards import SEGMENTER_CARDS, get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.clip_tokens import clip_tokens
from trainables.models.segmenters.clipseg import ClipSeg, clipseg_config
from trainables.models.segmenters.cnn import SegmentationCnn
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.segmenters.segmenter import DecodingSegmenter

TWINS = [name for name, card in SEGMENTER_CARDS.items() if card.is_twin]
READERS = [name for name in TWINS if SEGMENTER_CARDS[name].reads_text]
DECODERS = [name for name in TWINS if SEGMENTER_CARDS[name].frozen_encoders]
CNNS = [name for name in TWINS if not SEGMENTER_CARDS[name].reads_text]
TEXTS = ["", "a red polyp in the upper left"]


@pytest.fixture
def build(shared_locations):
    def made(name: str, seed: int = 0, **chosen):
        ref = BackboneRef(card=name, weights="twin")
        return build_segmenter(ref, shared_locations, seed, **chosen)

    return made


def inputs(model, n: int = 2):
    """Return n pictures, and n texts as tokens if the network reads any."""
    generator = torch.Generator().manual_seed(7)
    size = model.card.image_size_px
    pixels_nchw = torch.randn(n, 3, size, size, generator=generator)
    texts = [TEXTS[i % 2] for i in range(n)]
    return pixels_nchw, model.tokenize(texts) if model.card.reads_text else None


@pytest.mark.parametrize("name", TWINS)
def test_logits_have_the_size_of_the_input(build, name):
    model = build(name)
    assert model.training
    pixels_nchw, tokens = inputs(model)
    logits_nkhw = model(pixels_nchw, tokens)
    assert logits_nkhw.shape == (2, 1, *pixels_nchw.shape[2:])
    assert logits_nkhw.dtype == torch.float32
    assert torch.isfinite(logits_nkhw).all()


@pytest.mark.parametrize("name", TWINS)
def test_one_picture_gives_what_it_gives_among_others(build, name):
    model = build(name).eval()
    pixels_nchw, tokens = inputs(model)
    with torch.no_grad():
        together = model(pixels_nchw, tokens)
        alone = model(pixels_nchw[:1], None if tokens is None else tokens.rows(torch.tensor([0])))
    assert alone.shape[0] == 1
    torch.testing.assert_close(alone, together[:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TWINS)
def test_what_trains_gets_a_gradient_and_nothing_else_does(build, name):
    model = build(name)
    model(*inputs(model)).square().mean().backward()
    for parameter_name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, parameter_name


@pytest.mark.parametrize("name", DECODERS)
def test_only_the_decoder_trains(build, name):
    names = [name for name, p in build(name).named_parameters() if p.requires_grad]
    assert names
    assert all(".decoder." in f".{name}" for name in names)


@pytest.mark.parametrize("name", DECODERS)
def test_kept_activations_give_the_same_masks(build, name):
    model = build(name).eval()
    assert isinstance(model, DecodingSegmenter)
    assert model.frozen_encoders
    pixels_nchw, tokens = inputs(model)
    activations, condition_nd = model.encode_image(pixels_nchw), model.encode_text(tokens)
    assert not any(part.requires_grad for part in (*activations, condition_nd))
    # Inference tensors could not be kept for a backward pass.
    assert not any(part.is_inference() for part in (*activations, condition_nd))
    torch.testing.assert_close(
        model.decode(activations, condition_nd), model(pixels_nchw, tokens), rtol=0, atol=0
    )


@pytest.mark.parametrize("name", READERS)
def test_the_text_decides_the_mask(build, name):
    model = build(name).eval()
    pixels_nchw, _ = inputs(model, n=1)
    with torch.no_grad():
        one, other = (
            model(pixels_nchw, model.tokenize([text]))
            for text in ("a red circle", "a large blue square at the lower right")
        )
    assert float((one - other).abs().max()) > 1e-3


@pytest.mark.parametrize("name", READERS)
def test_longer_texts_beside_it_do_not_change_a_mask(build, name):
    model = build(name).eval()
    pixels_nchw, _ = inputs(model)
    short, long = "a polyp", "one small pink round polyp located in the upper left part"
    with torch.no_grad():
        alone = model(pixels_nchw[:1], model.tokenize([short]))
        together = model(pixels_nchw, model.tokenize([short, long]))
    torch.testing.assert_close(alone, together[:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", READERS)
def test_texts_are_cut_at_the_cards_length(build, name):
    model = build(name)
    tokens = model.tokenize(["polyp " * 300])
    assert tokens.ids_nl.shape == tokens.mask_nl.shape == (1, model.card.context_length)


@pytest.mark.parametrize("name", READERS)
def test_readers_need_a_text(build, name):
    model = build(name)
    pixels_nchw, _ = inputs(model)
    with pytest.raises(ConfigError, match="needs a text for each picture"):
        model(pixels_nchw, None)


@pytest.mark.parametrize("name", READERS)
def test_readers_give_one_mask_per_text(build, name):
    with pytest.raises(ConfigError, match="classes must be 1"):
        build(name, classes=3)


@pytest.mark.parametrize("name", CNNS)
def test_cnns_give_a_mask_per_class_and_read_no_text(build, name):
    model = build(name, classes=4)
    pixels_nchw, _ = inputs(model)
    assert model(pixels_nchw, None).shape[1] == 4
    with pytest.raises(ConfigError, match="reads no text"):
        model.tokenize(["a polyp"])


@pytest.mark.parametrize("name", ["clipseg_twin", "cris_twin", "biomed_clipseg_d_twin"])
def test_taught_weights_do_not_depend_on_the_seed(build, name):
    one, other = build(name, seed=1).state_dict(), build(name, seed=2).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("name", "fixed", "drawn"),
    [
        ("biomed_clipseg_twin", "biomedclip.", "decoder."),
        ("unet_twin", "network.encoder.", "network.decoder."),
        ("deeplabv3plus_twin", "network.encoder.", "network.decoder."),
    ],
)
def test_the_seed_draws_what_no_part_brings(build, name, fixed, drawn):
    one, same, other = (build(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert all(torch.equal(one[key], other[key]) for key in one if key.startswith(fixed))
    weights = [k for k in one if k.startswith(drawn) and one[k].ndim > 1]
    assert weights
    assert not any(torch.equal(one[key], other[key]) for key in weights)


def test_the_decoder_of_d_is_that_of_clipseg(build):
    taken = build("clipseg_twin").clipseg.decoder.state_dict()
    own = build("biomed_clipseg_d_twin").decoder.state_dict()
    assert taken.keys() == own.keys()
    assert all(torch.equal(taken[key], own[key]) for key in own)


def test_the_encoder_of_a_cnn_is_that_of_its_backbone(build, shared_locations):
    ref = BackboneRef(card="resnet50_twin", weights="twin")
    trunk = create_backbone(ref, shared_locations, seed=0).trunk.state_dict()
    encoder = build("unet_twin").network.encoder.model.state_dict()
    assert all(torch.equal(trunk[key], encoder[key]) for key in trunk)


def test_a_tower_that_stays_in_training_mode_keeps_its_dropout(build):
    still = SegmenterOptions(encoder_train_mode=False)
    for options, same in ((SegmenterOptions(), False), (still, True)):
        model = build("biomed_clipseg_twin", options=options).train()
        tokens = model.tokenize(["a red polyp"])
        torch.manual_seed(0)
        assert torch.equal(model.encode_text(tokens), model.encode_text(tokens)) == same


def test_clipseg_equals_the_librarys_forward_pass(build):
    model = build("clipseg_twin").eval()
    pixels_nchw, tokens = inputs(model)
    with torch.no_grad():
        theirs = model.clipseg(
            input_ids=tokens.ids_nl,
            attention_mask=tokens.mask_nl,
            pixel_values=pixels_nchw,
            output_hidden_states=True,
        )
        torch.testing.assert_close(model(pixels_nchw, tokens)[:, 0], theirs.logits)


def deep_clipseg() -> ClipSeg:
    """A narrow CLIPSeg with the depth and the layers of the published one."""
    vision = {**CLIPSEG_TWIN.sizes["vision_config"], "num_hidden_layers": 12}
    sizes = {**CLIPSEG_TWIN.sizes, "vision_config": vision, "extract_layers": (3, 6, 9)}
    return ClipSeg(dataclasses.replace(CLIPSEG_TWIN, sizes=sizes)).eval()


def recorded_outputs(modules, run) -> list[torch.Tensor]:
    outputs: list[torch.Tensor] = []
    handles = [
        module.register_forward_hook(
            lambda _m, _i, out: outputs.append(out[0] if isinstance(out, tuple) else out)
        )
        for module in modules
    ]
    run()
    for handle in handles:
        handle.remove()
    return outputs


def test_clipseg_reads_blocks_3_6_and_9_deepest_first():
    model = deep_clipseg()
    pixels_nchw, tokens = inputs(model)
    blocks = model.clipseg.clip.vision_model.encoder.layers
    read: list[torch.Tensor] = []
    first = model.clipseg.decoder.reduces[0]
    first.register_forward_pre_hook(lambda _m, args: read.append(args[0]))
    expected = recorded_outputs([blocks[i] for i in (3, 6, 9)], lambda: model(pixels_nchw, tokens))
    for found, block in zip(model.encode_image(pixels_nchw), expected, strict=True):
        assert torch.equal(found, block)
    assert torch.equal(read[0], expected[-1])


def test_biomed_clipseg_reads_blocks_4_7_and_10(build):
    assert BIOMED_CLIPSEG.sizes["extract_layers"] == (4, 7, 10)
    assert CLIPSEG.sizes.get("extract_layers", clipseg_config(CLIPSEG).extract_layers) != (4, 7, 10)
    model = build("biomed_clipseg_twin").eval()
    deep = timm.create_model(
        "vit_base_patch16_224",
        pretrained=False,
        num_classes=0,
        img_size=64,
        patch_size=8,
        embed_dim=96,
        depth=12,
        num_heads=3,
    )
    model.biomedclip["visual"].trunk = deep.eval()
    model._blocks = [4, 7, 10]
    pixels_nchw, tokens = inputs(model)
    read: list[torch.Tensor] = []
    model.decoder.reduces[0].register_forward_pre_hook(lambda _m, args: read.append(args[0]))
    expected = recorded_outputs(
        [deep.blocks[i] for i in (4, 7, 10)], lambda: model(pixels_nchw, tokens)
    )
    for found, block in zip(model.encode_image(pixels_nchw), expected, strict=True):
        torch.testing.assert_close(found, block)
    torch.testing.assert_close(read[0], expected[-1])


def count(model, trained: bool = False) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def test_clipseg_at_full_size_has_the_published_parameters():
    with torch.device("meta"):
        model = ClipSeg(CLIPSEG)
    assert count(model) == 150_747_746
    assert count(model, trained=True) == 1_127_009


def test_the_decoder_on_biomed_clip_has_the_published_parameters():
    with torch.device("meta"):
        decoder = CLIPSegDecoder(clipseg_config(BIOMED_CLIPSEG))
    assert count(decoder) == 1_127_009


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("unet", 32_521_105), ("unetpp", 48_985_745), ("deeplabv3plus", 26_677_585)],
)
def test_cnns_at_full_size_have_the_published_parameters(name, parameters):
    with torch.device("meta"):
        model = SegmentationCnn(get_segmenter_card(name), classes=1)
    assert count(model) == parameters


def test_tokens_of_clip_end_where_the_text_ends():
    found = clip_tokens(["a dog", ""], 8)
    assert found.mask_nl.sum(dim=1).tolist() == [4, 2]
    assert found.ids_nl[0, 3:].tolist() == [49407] * 5
    zero = clip_tokens(["a dog"], 8, "zero")
    assert zero.ids_nl[0].tolist() == [*found.ids_nl[0, :4].tolist(), 0, 0, 0, 0]
    assert len(found) == 2


def test_clips_tokens_are_those_of_the_published_tokenizer():
    words = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    theirs = CLIPTokenizer(
        vocab={names.get(word, word): index for word, index in words.encoder.items()},
        merges=list(words.bpe_ranks),
    )
    texts = ["One small, pink round polyp!", "it's  2/3 of the Left ventricle", "naïve café", ""]
    expected = theirs(texts, padding="max_length", truncation=True, max_length=12)
    found = clip_tokens(texts, 12)
    assert found.ids_nl.tolist() == expected["input_ids"]


def test_an_unknown_card_lists_the_near_ones():
    with pytest.raises(SelectionError, match="clipseg"):
        get_segmenter_card("clipsegg")


def test_cards_of_published_networks_have_twins_that_exist():
    for card in SEGMENTER_CARDS.values():
        if card.is_twin:
            continue
        twin = SEGMENTER_CARDS[card.twin]
        assert twin.is_twin
        assert (twin.threshold, twin.reads_text) == (card.threshold, card.reads_text)
        assert (twin.frozen_encoders, twin.least_batch) == (card.frozen_encoders, card.least_batch)
        assert twin.default_weights == "twin"
        assert card.default_weights in card.tags

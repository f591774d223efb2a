"""Names and shapes of the tensors in published files, written out from the papers' own code.

They are tensors without memory (PyTorch's meta device), so a file of hundreds of megabytes is one
of kilobytes and is still read, renamed and compared as the real one would be.
"""

import torch

Shapes = dict[str, tuple[int, ...]]

WIDTH = 768
BLOCKS = 12


def affine(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def plain_block(name: str, width: int, hidden: str = "fc") -> Shapes:
    return {
        **affine(f"{name}.norm1", width),
        **affine(f"{name}.attn.qkv", 3 * width, width),
        **affine(f"{name}.attn.proj", width, width),
        **affine(f"{name}.norm2", width),
        **affine(f"{name}.mlp.{hidden}1", 4 * width, width),
        **affine(f"{name}.mlp.{hidden}2", width, 4 * width),
    }


def vit(patch: int, positions: int) -> Shapes:
    """A ViT-B as in DeiT, DINO and BLIP; with patches of 14 and no more than that, DINOv2's."""
    shapes: Shapes = {"cls_token": (1, 1, WIDTH), "pos_embed": (1, positions, WIDTH)}
    shapes |= affine("patch_embed.proj", WIDTH, 3, patch, patch)
    for i in range(BLOCKS):
        shapes |= plain_block(f"blocks.{i}", WIDTH)
    return shapes | affine("norm", WIDTH)


def deit() -> Shapes:
    return vit(16, 197) | affine("head", 1000, WIDTH)


def dino() -> Shapes:
    return vit(16, 197)


def dinov2() -> Shapes:
    scales = {f"blocks.{i}.ls{k}.gamma": (WIDTH,) for i in range(BLOCKS) for k in (1, 2)}
    return {**vit(14, 37 * 37 + 1), **scales, "mask_token": (1, WIDTH)}


def blip() -> Shapes:
    tower = vit(16, 197)
    return {
        "temp": (),
        "image_queue": (256, 57600),
        **{f"visual_encoder.{key}": shape for key, shape in tower.items()},
        **{f"visual_encoder_m.{key}": shape for key, shape in tower.items()},
        **affine("text_encoder.encoder.layer.0.attention.self.query", WIDTH, WIDTH),
        **affine("vision_proj", 256, WIDTH),
    }


def sam() -> Shapes:
    shapes: Shapes = {"pos_embed": (1, 64, 64, WIDTH)}
    shapes |= affine("patch_embed.proj", WIDTH, 3, 16, 16)
    for i in range(BLOCKS):
        shapes |= plain_block(f"blocks.{i}", WIDTH, hidden="lin")
        rows = 127 if i in (2, 5, 8, 11) else 27
        shapes |= {f"blocks.{i}.attn.rel_pos_{axis}": (rows, 64) for axis in "hw"}
    shapes |= {"neck.0.weight": (256, WIDTH, 1, 1), "neck.2.weight": (256, 256, 3, 3)}
    shapes |= affine("neck.1", 256) | affine("neck.3", 256)
    decoder = affine("mask_decoder.iou_prediction_head.layers.0", 256, 256)
    encoder = {f"image_encoder.{key}": shape for key, shape in shapes.items()}
    return {**encoder, **decoder, "prompt_encoder.no_mask_embed.weight": (1, 256)}


def open_clip() -> Shapes:
    return _clip(width=WIDTH, blocks=BLOCKS, patch=16, positions=197, dim=512)


def open_clip_large() -> Shapes:
    return _clip(width=1024, blocks=24, patch=14, positions=257, dim=768)


def _clip(width: int, blocks: int, patch: int, positions: int, dim: int) -> Shapes:
    """Both towers; the text tower has twelve blocks as wide as the shared space."""
    tower: Shapes = {"class_embedding": (width,), "positional_embedding": (positions, width)}
    tower |= {"proj": (width, dim), "conv1.weight": (width, 3, patch, patch)}
    tower |= affine("ln_pre", width) | affine("ln_post", width)
    for i in range(blocks):
        tower |= _open_clip_block(f"transformer.resblocks.{i}", width)
    shapes = {f"visual.{key}": shape for key, shape in tower.items()}
    for i in range(12):
        shapes |= _open_clip_block(f"transformer.resblocks.{i}", dim)
    text: Shapes = {"token_embedding.weight": (49408, dim), "positional_embedding": (77, dim)}
    text |= {"text_projection": (dim, dim), "logit_scale": ()}
    return shapes | text | affine("ln_final", dim)


def _open_clip_block(name: str, width: int) -> Shapes:
    return {
        **affine(f"{name}.ln_1", width),
        f"{name}.attn.in_proj_weight": (3 * width, width),
        f"{name}.attn.in_proj_bias": (3 * width,),
        **affine(f"{name}.attn.out_proj", width, width),
        **affine(f"{name}.ln_2", width),
        **affine(f"{name}.mlp.c_fc", 4 * width, width),
        **affine(f"{name}.mlp.c_proj", width, 4 * width),
    }


def resnet152() -> Shapes:
    """As torchvision published it: norms do not count their batches."""
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7), **_batch_norm("bn1", 64)}
    width_in = 64
    for stage, depth in enumerate((3, 8, 36, 3)):
        width = 64 * 2**stage
        for i in range(depth):
            name = f"layer{stage + 1}.{i}"
            kernels = ((width, width_in, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1))
            for k, kernel in enumerate(kernels, start=1):
                shapes[f"{name}.conv{k}.weight"] = kernel
                shapes |= _batch_norm(f"{name}.bn{k}", kernel[0])
            if i == 0:
                shapes[f"{name}.downsample.0.weight"] = (4 * width, width_in, 1, 1)
                shapes |= _batch_norm(f"{name}.downsample.1", 4 * width)
            width_in = 4 * width
    return shapes | affine("fc", 1000, 2048)


def _batch_norm(name: str, width: int) -> Shapes:
    statistics = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return affine(name, width) | statistics


def without_memory(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}

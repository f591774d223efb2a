"""A small trial of every registered trainable. A new trainable adds a row to CASES."""

from __future__ import annotations

import dataclasses

from check_trainable import (
    Case,
)

from trainables import (
    align,
    bottleneck,
    classify,
    concept_diversity,
    data_distance,
    embedding_knn,
    embedding_similarity,
    generalise,
    grounding,
    knn,
    labo,
    layer_knn,
    layer_reinit,
    layer_similarity,
    lsl,
    probe,
    segment,
    segment_transfer,
    segment_zero_shot,
    weight_change,
    zero_shot,
)
from trainables.config import BackboneRef, DataRef
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig, ScheduleConfig
from trainables.generalisation.config import MethodConfig
from trainables.head_training import HeadTraining
from trainables.knowledge import Knowledge
from trainables.models.head_config import HeadConfig
from trainables.regularisation_path import RegularisationPath
from trainables.segmentation.config import LossConfig
from trainables.segmentation.config import PromptConfig as PromptOfCases

DATA = DataRef(name="fundus", domains=("camera_0",), limit=20)
RANDOM = BackboneRef(card="resnet50_twin", weights="random")

TRAINED = {
    "model": classify.Config(
        backbone=RANDOM,
        data=DATA,
        epochs=1,
        batch_size=8,
        image_size_px=40,
        optimizer=OptimizerConfig(lr=1e-2),
        keep_initial=True,
    )
}

TWIN = BackboneRef(card="resnet18_twin", weights="twin")

GROUNDED = {
    "grounding": grounding.Config(
        backbone=TWIN,
        data=DataRef(name="chexpert_twin"),
        knowledge=None,
        image_size_px=40,
        train_examples=100,
    )
}

CASES_OF_PICTURES = DataRef(name="busi_twin", limit=12)

TRAINED_SEGMENTER = segment.Config(
    segmenter=BackboneRef(card="unet_twin", weights="random"),
    data=CASES_OF_PICTURES,
    loss=LossConfig(name="tuned_dice"),
    epochs=2,
    batch_size=5,
    image_size_px=32,
    optimizer=OptimizerConfig(name="adam", lr=1e-2),
    schedule=ScheduleConfig(name="constant"),
    precision="fp32",
)

CASES = {
    "align": Case(
        config=align.Config(
            backbone=BackboneRef(card="clip_vit_b16_twin"),
            data=DataRef(name="lesion_findings_twin", limit=8),
            epochs=2,
            batch_size=12,
            optimizer=OptimizerConfig(lr=1e-3),
            image_size_px=16,
            val_batch_size=8,
        ),
        objective="val/contrastive_loss",
        steps=2,
        measures=(
            "chosen/contrastive_loss",
            *(
                f"chosen/{way}_r{k}"
                for way in ("image_to_text", "text_to_image")
                for k in (1, 5, 10)
            ),
            "chosen/epoch",
            "chosen/pairs",
        ),
    ),
    "classify": Case(
        config=classify.Config(
            backbone=RANDOM,
            data=DATA,
            shift_domains=("camera_1",),
            epochs=3,
            batch_size=8,
            image_size_px=40,
            optimizer=OptimizerConfig(lr=1e-2),
            clip_norm=1.0,
            augment=Augmentation.preset("light"),
        ),
        steps=3,
    ),
    "classify_as_feature_reuse": Case(
        config=classify.Config(
            backbone=RANDOM,
            data=DATA,
            train_fraction=0.9,
            epochs=3,
            batch_size=4,
            drop_last=True,
            image_size_px=35,
            crop_fraction=0.875,
            interpolation="bilinear",
            optimizer=OptimizerConfig(name="adam", lr=1e-3, weight_decay=1e-5),
            schedule=ScheduleConfig(
                name="plateau",
                patience=0,
                warmup_steps=3,
                warmup_overshoot=True,
                stop_below_lr=1e-6,
            ),
            clip_norm=1.0,
            augment=Augmentation.preset("feature_reuse"),
            normalisation="dataset",
            val_every=0.5,
            selection_metric="val/recall_macro",
            selection="paper",
            keep_initial=True,
        ),
        objective="val/recall_macro",
        steps=3,
    ),
    "classify_tokens_with_a_deit": Case(
        config=classify.Config(
            backbone=BackboneRef(card="clip_vit_b16_twin"),
            head=HeadConfig(name="deit", backbone=BackboneRef(card="deit_t_twin"), trim=2),
            data=DATA,
            epochs=2,
            batch_size=8,
            optimizer=OptimizerConfig(lr=1e-3),
            clip_norm=1.0,
            val_every=0.5,
            val_batches="full_batches_shuffled",
        ),
        steps=2,
    ),
    "classify_with_last_blocks": Case(
        config=classify.Config(
            backbone=BackboneRef(card="deit_t_twin"),
            data=DATA,
            epochs=2,
            batch_size=8,
            optimizer=OptimizerConfig(lr=1e-3),
            freeze_backbone=True,
            unfreeze_from=2,
            keep_initial=True,
        ),
        steps=2,
    ),
    "probe": Case(
        config=probe.Config(
            backbone=RANDOM, data=DATA, shift_domains=("camera_1",), image_size_px=40
        )
    ),
    "probe_as_knobo": Case(
        config=probe.Config(
            backbone=RANDOM,
            data=DATA,
            shift_domains=("camera_1",),
            image_size_px=40,
            fit="paper",
            training=HeadTraining(epochs=3, batch_size=8, lr=1e-2),
            columns=20,
            shots=3,
        ),
        steps=3,
    ),
    "probe_path": Case(
        config=probe.Config(
            backbone=RANDOM,
            data=DATA,
            shift_domains=("camera_1",),
            image_size_px=40,
            fit="path",
            path=RegularisationPath(low=1e-4, high=1e0, points=3),
        )
    ),
    "grounding": Case(
        config=dataclasses.replace(GROUNDED["grounding"], backbone=RANDOM),
        measures=("concepts", "skipped", "accuracy"),
    ),
    "bottleneck_as_knobo": Case(
        config=bottleneck.Config(
            backbone=TWIN,
            data=DataRef(name="isic_sex_twin", limit=20),
            image_size_px=40,
            training=HeadTraining(epochs=3, batch_size=8, lr=1e-2),
        ),
        steps=3,
        inputs={
            "grounding": dataclasses.replace(
                GROUNDED["grounding"],
                data=DataRef(name="lesion_findings_twin"),
                knowledge=Knowledge(),
            )
        },
    ),
    "bottleneck_as_pcbm": Case(
        config=bottleneck.Config(
            backbone=TWIN,
            data=DATA,
            shift_domains=("camera_1",),
            image_size_px=40,
            knowledge=None,
            concepts=3,
            choice="random",
            prior_weight=0.0,
            residual="sequential",
            residual_l2=1e-3,
            columns=20,
            training=HeadTraining(epochs=3, batch_size=8, lr=1e-2),
        ),
        steps=3,
        inputs=GROUNDED,
    ),
    "zero_shot": Case(
        config=zero_shot.Config(
            backbone=BackboneRef(card="clip_vit_b16_twin"),
            data=DATA,
            shift_domains=("camera_1",),
        )
    ),
    "knn": Case(
        config=knn.Config(
            backbone=RANDOM, data=DATA, shift_domains=("camera_1",), image_size_px=40, k=3
        )
    ),
    "concept_diversity": Case(
        config=concept_diversity.Config(
            subject="skin_twin", text=BackboneRef(card="mpnet_twin", weights="twin")
        ),
        objective="val/diversity",
        measures=("diversity", "diversity_as_released", "concepts"),
        draws=False,
    ),
    "data_distance": Case(
        config=data_distance.Config(
            backbone=RANDOM,
            data=DATA,
            reference=DataRef(name="fundus", domains=("camera_1",), limit=20),
            image_size_px=40,
        ),
        objective="val/fid",
        measures=("fid", "n", "n_reference"),
    ),
    "generalise": Case(
        config=generalise.Config(
            # State beside the weights: weights of domains.
            method=MethodConfig(name="group_dro", backbone=RANDOM, dropout=0.1),
            data=DataRef(name="fundus", limit=40),
            source_domains=("camera_0", "camera_1"),
            test_domains=("camera_2",),
            steps=4,
            checkpoint_every=2,
            batch_size=4,
            image_size_px=40,
            optimizer=OptimizerConfig(name="adam", lr=1e-2),
            clip_norm=1.0,
        ),
        objective="val/macro_f1_fixed",
        steps=3,
        analyses=("test_all", "oracle", "oracle_val"),
    ),
    "embedding_knn": Case(
        config=embedding_knn.Config(data=DATA, selection_metric="val/accuracy", batch_size=8, k=3),
        inputs=TRAINED,
    ),
    "embedding_similarity": Case(
        config=embedding_similarity.Config(
            data=DATA, selection_metric="val/accuracy", batch_size=8
        ),
        analyses=("cka",),
        inputs={
            "model": TRAINED["model"],
            "other": dataclasses.replace(
                TRAINED["model"], backbone=BackboneRef(card="deit_t_twin"), image_size_px=32
            ),
        },
    ),
    "layer_knn": Case(
        config=layer_knn.Config(data=DATA, selection_metric="val/accuracy", batch_size=8, k=3),
        analyses=("knn",),
        inputs=TRAINED,
    ),
    "layer_reinit": Case(
        config=layer_reinit.Config(data=DATA, selection_metric="val/accuracy", batch_size=8),
        analyses=("reinit", "drop"),
        inputs=TRAINED,
    ),
    "layer_similarity": Case(
        config=layer_similarity.Config(data=DATA, selection_metric="val/accuracy", batch_size=8),
        analyses=("cka",),
        inputs=TRAINED,
    ),
    "labo": Case(
        config=labo.Config(
            backbone=BackboneRef(card="clip_vit_b16_twin"),
            data=DataRef(name="isic_sex_twin", limit=20),
            per_class=5,
            training=HeadTraining(epochs=3, batch_size=8, lr=1e-1),
        ),
        steps=3,
    ),
    "lsl": Case(
        config=lsl.Config(
            backbone=BackboneRef(card="clip_vit_b16_twin"),
            data=DataRef(name="lesion_findings_twin", limit=420),
            epochs=2,
            batch_size=12,
            optimizer=OptimizerConfig(name="adam", lr=1e-3),
            train_examples=6,
            image_size_px=16,
        ),
        objective="val/loss",
        steps=2,
        measures=("chosen/loss", "chosen/epoch", "chosen/concepts", "chosen/triplets"),
    ),
    "segment": Case(config=TRAINED_SEGMENTER, objective="val/dice", steps=2, headline="test/dice"),
    "segment_with_prompts": Case(
        config=segment.Config(
            segmenter=BackboneRef(card="clipseg_twin", weights="twin"),
            data=CASES_OF_PICTURES,
            prompt=PromptOfCases(type="random"),
            epochs=3,
            batch_size=5,
            optimizer=OptimizerConfig(lr=1e-2, weight_decay=1e-3),
            precision="fp32",
            masks=True,
        ),
        objective="val/dice",
        steps=3,
        headline="test/dice",
    ),
    "segment_with_everything_trained": Case(
        config=segment.Config(
            segmenter=BackboneRef(card="cris_twin", weights="twin"),
            data=DataRef(name="busi_twin", limit=6),
            prompt=PromptOfCases(type="p2", at_evaluation="all"),
            epochs=2,
            batch_size=3,
            image_size_px=64,
            optimizer=OptimizerConfig(lr=1e-3, weight_decay=1e-3),
            precision="fp32",
        ),
        objective="val/dice",
        steps=2,
        headline="test/dice",
    ),
    "segment_transfer": Case(
        config=segment_transfer.Config(
            data=DataRef(name="etis_polyp_twin", limit=6), precision="fp32"
        ),
        objective="val/dice",
        headline="test/dice",
        inputs={"trained": TRAINED_SEGMENTER},
    ),
    "segment_zero_shot": Case(
        config=segment_zero_shot.Config(
            segmenter=BackboneRef(card="clipseg_twin", weights="twin"),
            data=CASES_OF_PICTURES,
            prompt=PromptOfCases(type="random"),
            precision="fp32",
        ),
        objective="val/dice",
        headline="test/dice",
    ),
    "weight_change": Case(
        config=weight_change.Config(data=DATA, selection_metric="val/accuracy", batch_size=8),
        analyses=("l2",),
        inputs=TRAINED,
    ),
}

"""Stage: train shards -> a small scene network, on whose features distances between images rest.

It learns from photos and, mostly, from cut-outs of the box's size, since boxes are what is
compared. Stopped at any step it goes on from its last checkpoint.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.determinism import be_deterministic
from models.recipe import seeded
from models.scene_network import SceneNetwork
from pipeline.features.scene_features import save_scene_network
from pipeline.features.scene_questions import (
    LabelledPhotos,
    draw_pictures,
    labelled_alike,
    questions_loss,
    read_labelled_photos,
)
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.params.train_features import TrainFeaturesParams
from pipeline.runtime.devices import choose_device, num_threads
from pipeline.runtime.progress import progress, say
from pipeline.runtime.saved_tensors import load_tensors, save_tensors
from pipeline.runtime.scratch import publish, scratch
from pipeline.shards.reader import ShardFolder, read_meta, shard_folder

WHOLE_EVERY = 8  # steps: one in so many sees whole photos, all others cut-outs of the box's size
CHECKPOINT_EVERY = 200  # steps
NUM_ASKED = 2048  # held-out images of a kind
OUTS = ("features.safetensors", "config.json", "figures.json")


def run(data: Path = Path("data")) -> None:
    """Writes data/train_features/: features.safetensors, config.json, figures.json."""
    params = load("train_features", TrainFeaturesParams)
    runtime = load("runtime", RuntimeParams)
    torch.set_num_threads(num_threads(runtime.threads))
    work: dict[str, Any] = {
        "params": params.model_dump(),
        "code": ["pipeline/stages/train_features.py"],
        "inputs": [data / "crop" / "meta.json"],
    }
    with scratch("train_features", **work) as folder:
        crop_dir = shard_folder(data / "crop", runtime.shards)
        train_features(crop_dir, folder, params, choose_device(runtime.device))
        for name in OUTS:
            publish(folder / name, data / "train_features" / name)


def train_features(
    crop_dir: ShardFolder, folder: Path, params: TrainFeaturesParams, device: torch.device
) -> None:
    """Writes the stage's outs into `folder`, where its checkpoint lies meanwhile."""
    be_deterministic(device)
    photos = read_labelled_photos(crop_dir, "train", params.max_photos)
    sides = {"box": read_meta(crop_dir)["box_size"], "photo": photos.image_size}
    with seeded(params.seed, "scene network"):
        network = SceneNetwork(params.width, len(photos.categories))
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    _learn(network, photos, sides, folder / "checkpoint.pt", params, device)
    unseen = labelled_alike(read_labelled_photos(crop_dir, "val", NUM_ASKED), photos.categories)
    accuracies = {
        f"{kind}_{question}": accuracy
        for kind, side in sides.items()
        for question, accuracy in _accuracies(network, unseen, side, device).items()
    }
    if not accuracies:
        say("train_features: no category has photos in both train and val: accuracy not measured")
    config = {
        "width": params.width,
        "categories": photos.categories,
        "image_size": sides["photo"],
        "box_size": sides["box"],
        "num_photos": len(photos.images),
        "num_val_photos": len(unseen.images),
        "accuracy": accuracies,
        "train_features": params.model_dump(),
        "device": device.type,
    }
    save_scene_network(folder, network, config)
    (folder / "figures.json").write_text(json.dumps(accuracies, indent=2) + "\n")


def _learn(
    network: SceneNetwork,
    photos: LabelledPhotos,
    sides: dict[str, int],
    checkpoint: Path,
    params: TrainFeaturesParams,
    device: torch.device,
) -> None:
    """Trains `network` from where `checkpoint` has it, if there is one."""
    num_steps = -(-params.images // params.batch_size)
    optimizer = torch.optim.Adam(network.parameters())
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, params.learning_rate, total_steps=num_steps
    )
    parts = {"network": network, "optimizer": optimizer, "rates": rates}
    done = _restore(checkpoint, parts)
    network.train()
    with progress("train_features", num_steps, "steps") as advance:
        advance(done)
        for step in range(done, num_steps):
            side = sides["photo" if step % WHOLE_EVERY == WHOLE_EVERY - 1 else "box"]
            pictures, answers = draw_pictures(
                photos, params.batch_size, side, params.seed, f"step {step}"
            )
            answers = {name: answer.to(device) for name, answer in answers.items()}
            loss = questions_loss(network(pictures.to(device)), answers)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
            advance(1)
            if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == num_steps:
                _check(loss, step + 1)
                _keep(checkpoint, parts, step + 1)


def _check(loss: Tensor, step: int) -> None:
    if not loss.isfinite():
        raise ValueError(
            f"train_features: the loss is {loss.item()} after {step} steps: lower "
            "params.yaml train_features.learning_rate"
        )


def _keep(checkpoint: Path, parts: dict[str, Any], step: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    save_tensors(state | {"step": step}, checkpoint)


def _restore(checkpoint: Path, parts: dict[str, Any]) -> int:
    """Steps done; 0 without a checkpoint."""
    if not checkpoint.is_file():
        return 0
    state = load_tensors(checkpoint)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


@torch.no_grad()
def _accuracies(
    network: SceneNetwork, photos: LabelledPhotos, side: int, device: torch.device
) -> dict[str, float]:
    """Question -> share of right answers over NUM_ASKED cut-outs of `photos`; always the same.

    Empty where there are no photos.
    """
    if not len(photos.images):
        return {}
    network.eval()
    hits: dict[str, list[Tensor]] = {}
    for start in range(0, NUM_ASKED, 256):
        pictures, answers = draw_pictures(photos, 256, side, 0, f"held out {start}")
        logits = network(pictures.to(device))
        for name, answer in answers.items():
            hits.setdefault(name, []).append(logits[name].argmax(dim=1).cpu() == answer)
    return {name: round(torch.cat(each).float().mean().item(), 4) for name, each in hits.items()}

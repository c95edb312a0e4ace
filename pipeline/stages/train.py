"""Stage: shards -> a generator, its config, the metric history and sample grids.

One loop for every recipe; stopped at any step it goes on bit for bit from its checkpoint.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models import registry
from models.recipe import Recipe, RecipeOptions, Setting, Sums, take_update
from pipeline import checkpoint
from pipeline.devices import choose_device, num_threads
from pipeline.feed import Feed, load_photos
from pipeline.fresh_holes import HoleSizes
from pipeline.generator import save_generator
from pipeline.history import Row, write_history
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.params.train import TrainParams
from pipeline.progress import progress, say
from pipeline.resume import publish, scratch
from pipeline.sample_grid import Validation
from pipeline.shard_reader import read_meta
from pipeline.stop_signal import stop_signal
from pipeline.tally import Tally, add_sums, means


def run(data: Path = Path("data")) -> None:
    """Writes data/train/: generator.safetensors, config.json, history/, samples/."""
    params = load("train", TrainParams)
    runtime = load("runtime", RuntimeParams)
    options = load_options(params.recipe)
    tracked = {"train": params.model_dump(), "options": options.model_dump()}
    del tracked["train"]["num_images"]  # a larger budget goes on from the smaller one
    with scratch(
        "train",
        params=tracked,
        code=["pipeline/stages/train.py", registry.recipe_path(params.recipe)],
        inputs=[data / "crop" / "meta.json"],
        keep=True,
    ) as folder:
        train(
            crop_dir=data / "crop",
            out_dir=data / "train",
            scratch_dir=folder,
            params=params,
            options=options,
            device=choose_device(runtime.device),
            threads=num_threads(runtime.threads),
        )


def load_options(recipe: str) -> RecipeOptions:
    """The section `recipes.<recipe>`, checked by that recipe's own model."""
    model: Any = registry.options_model(recipe)
    options: RecipeOptions = load(f"recipes.{recipe}", model)
    return options


@dataclass
class Position:
    """How far a run has come; with the recipe's own state all that a resumed run needs."""

    step: int = 0
    tally: Tally = field(default_factory=Tally)  # since the last meeting
    window: Sums = field(default_factory=dict)  # since the last row of the history
    history: list[Row] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "step": self.step,
            "tally": self.tally.state_dict(),
            "window": self.window,
            "history": self.history,
        }

    def stamp(self, batch_size: int) -> Row:
        """The first two columns of a row of the history."""
        return {"step": self.step, "images": self.step * batch_size}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Position":
        """The inverse of `state_dict`."""
        position = cls(state["step"], Tally(), state["window"], state["history"])
        position.tally.load_state_dict(state["tally"])
        return position


def train(
    *,
    crop_dir: Path,  # the final shards and meta.json
    out_dir: Path,  # generator.safetensors, config.json, history/, samples/; written at the end
    scratch_dir: Path,  # checkpoint and sample grids of the unfinished run
    params: TrainParams,
    options: RecipeOptions,
    device: torch.device,
    threads: int,
) -> None:
    """Trains `params.recipe`; on Ctrl-C or SIGTERM saves and raises KeyboardInterrupt."""
    # Setting up
    torch.set_num_threads(threads)
    be_deterministic(device)
    low = torch.bfloat16 if resolved_precision(params, device) == "bf16" else None
    meta = read_meta(crop_dir)
    feed, validation = load_feed(crop_dir, meta, params, device)
    recipe = build_recipe(meta, params, options, feed.steps_per_epoch, device)
    generator = recipe.networks["generator"]
    num_steps = -(-params.num_images // params.batch_size)
    at = resume(scratch_dir, recipe, num_steps, device)

    with (
        progress("train", (num_steps - at.step) * params.batch_size, "images") as advance,
        stop_signal() as stop_asked,
    ):
        while at.step < num_steps:
            # Batch
            batch = feed.batch(at.step)

            # Update
            for name in recipe.schedule.updates:
                at.tally.add(name, take_update(recipe, name, batch, low))
            at.step += 1
            log_due = at.step % params.log_every == 0
            sample_due = at.step % params.sample_every == 0
            checkpoint_due = at.step % params.checkpoint_every == 0

            # Meet the host
            if recipe.schedule.advance() or at.step % params.meet_every == 0 or log_due:
                sums = at.tally.sums(at.step)
                recipe.schedule.observe(sums)
                at.window = add_sums(at.window, sums)
                at.tally.clear(at.step)

            # Log
            row: Row = {}
            if log_due:
                row = {f"train/{name}": mean for name, mean in means(at.window).items()}
                at.window = {}

            # Sample grid, before the checkpoint that takes it for done
            if sample_due:
                completed = validation.completed(generator)
                row |= {f"val/{k}": v for k, v in validation.figures(completed).items()}
                path = scratch_dir / "samples" / f"step-{at.step:06d}.png"
                validation.save_grid(completed, path, params.num_samples)
            if row:
                at.history.append(at.stamp(params.batch_size) | row)

            # Checkpoint
            stop = stop_asked()
            if checkpoint_due or stop or at.step == num_steps:
                at.tally.sums(at.step)  # refuses a state that is not finite
                checkpoint.save(checkpoint_path(scratch_dir, num_steps), recipe, at.state_dict())
            if stop:
                say(f"train: stopped at step {at.step}, saved; run it again to go on")
                raise KeyboardInterrupt
            advance(params.batch_size)

    # Publish
    config = config_of(meta, params, options, at.step, device)
    write_outs(scratch_dir, at, generator, validation, config)
    for out in sorted((scratch_dir / "outs").iterdir()):
        publish(out, out_dir / out.name)


def be_deterministic(device: torch.device) -> None:
    """On the CPU every operation, at no cost; a GPU pays for it and is left as it is."""
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Would write NaN into every new tensor, which only serves to find bugs.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def resolved_precision(params: TrainParams, device: torch.device) -> str:
    """`auto` is bf16 on a GPU and fp32 elsewhere."""
    if params.precision != "auto":
        return params.precision
    return "bf16" if device.type == "cuda" else "fp32"


def load_feed(
    crop_dir: Path, meta: dict[str, Any], params: TrainParams, device: torch.device
) -> tuple[Feed, Validation]:
    """The training split and the fixed validation photos, on `device`."""
    size, counts = meta["image_size"], meta["num_samples"]
    photos = load_photos(crop_dir, "train", counts["train"], size).to(device)
    feed = Feed(photos, params.seed, params.batch_size, params.flip, fresh_sizes(meta, params))
    held_out = load_photos(crop_dir, "val", counts["val"], size)
    validation = Validation.of(held_out, params.num_samples)
    return feed, Validation(validation.photos.to(device))


def fresh_sizes(meta: dict[str, Any], params: TrainParams) -> HoleSizes | None:
    """The sizes of fresh holes, None where the stored ones are asked for."""
    if params.holes == "stored":
        return None
    if meta["kind"] != "box":
        raise ValueError(
            f"params.yaml train.holes is 'fresh', but holes of kind {meta['kind']!r} cannot be "
            "drawn anew: write stored"
        )
    return HoleSizes(
        image_size=meta["image_size"],
        box_size=meta["box_size"],
        hole_min=meta["hole_min"],
        hole_max=meta["hole_max"],
    )


def build_recipe(
    meta: dict[str, Any],
    params: TrainParams,
    options: RecipeOptions,
    steps_per_epoch: int,
    device: torch.device,
) -> Recipe:
    """The chosen recipe, sized to the shards."""
    setting = Setting(meta["image_size"], meta["box_size"], steps_per_epoch, params.seed)
    return registry.build(params.recipe, options, setting, device)


def resume(scratch_dir: Path, recipe: Recipe, num_steps: int, device: torch.device) -> Position:
    """The furthest position saved for this many steps or fewer, loaded into `recipe`."""
    scratch_dir.mkdir(parents=True, exist_ok=True)
    budget = checkpoint_path(scratch_dir, num_steps).name
    usable = [path for path in scratch_dir.glob("checkpoint-*.pt") if path.name <= budget]
    if not usable:
        return Position()
    at = Position.of(checkpoint.restore(max(usable), recipe, device))
    say(f"train: going on from step {at.step} of {num_steps}")
    return at


def checkpoint_path(scratch_dir: Path, num_steps: int) -> Path:
    """One file a budget: a smaller budget never overwrites what a larger one has reached."""
    return scratch_dir / f"checkpoint-{num_steps:09d}.pt"


def config_of(
    meta: dict[str, Any],
    params: TrainParams,
    options: RecipeOptions,
    num_steps: int,
    device: torch.device,
) -> dict[str, Any]:
    """What it takes to rebuild the generator, and what made it."""
    return {
        "recipe": params.recipe,
        "options": options.model_dump(),
        "image_size": meta["image_size"],
        "box_size": meta["box_size"],
        "train": params.model_dump(),
        "num_steps": num_steps,
        "num_images": num_steps * params.batch_size,
        "device": device.type,
        "precision": resolved_precision(params, device),
    }


def write_outs(
    scratch_dir: Path,
    at: Position,
    generator: torch.nn.Module,
    validation: Validation,
    config: dict[str, Any],
) -> None:
    """All that the stage leaves, into scratch_dir/outs; the checkpoint stays untouched by it."""
    outs = scratch_dir / "outs"
    shutil.rmtree(outs, ignore_errors=True)
    completed = validation.completed(generator)
    figures = {f"val/{name}": value for name, value in validation.figures(completed).items()}
    write_history(outs / "history", with_last(at, config["train"]["batch_size"], figures))
    save_generator(outs, generator, config)
    for path in sorted((scratch_dir / "samples").glob("step-*.png")):
        if path.stem <= f"step-{at.step:06d}":  # a larger budget has left later ones
            publish(path, outs / "samples" / path.name)
    validation.save_grid(completed, outs / "samples" / "final.png", config["train"]["num_samples"])


def with_last(at: Position, batch_size: int, figures: Row) -> list[Row]:
    """The history and `figures` of the last step, in that step's row where it has one."""
    rows = list(at.history)
    last = rows.pop() if rows and rows[-1]["step"] == at.step else at.stamp(batch_size)
    return [*rows, last | figures]

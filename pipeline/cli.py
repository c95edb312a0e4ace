"""The command line: one command a stage, and what helps around them.

A stage is imported only when it is called, so that `--help` waits for neither torch nor pandas.
"""

import importlib
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

# In the order of the line; a help text of up to 56 characters fits one row of `--help`.
STAGES = {
    "download": "1: Get the photos of a source into one plain tar.",
    "index": "2: List the tar's photos; nothing is extracted.",
    "filter_categories": "3: Keep the chosen categories.",
    "detect_people": "4: Find every person box with YOLO; slow, done once.",
    "filter_people": "5: Judge people, broken files, copies; split; seconds.",
    "downscale": "6: Shrink the kept photos into lossless shards.",
    "crop": "7: Cut holes: the final WebDataset shards.",
    "train_features": "8: Train the network that distances rest on; seconds.",
    "train": "9: Train the chosen recipe's completion GAN.",
    "evaluate": "10: Measure it beside classical fills.",
    "report": "11: Write the report, the rating page and the cards.",
}
# Outs of stages that commands read.
INDEX = "data/index/index.parquet"
SHARDS = [f"data/crop/{name}" for name in ("train", "val", "test", "meta.json")]
FEATURES = [f"data/train_features/{name}" for name in ("features.safetensors", "config.json")]
GENERATOR = [f"data/train/{name}" for name in ("generator.safetensors", "config.json")]
CARDS = [f"data/report/{name}" for name in ("model_card.md", "data_card.md")]
TRAINED = [*GENERATOR, "data/train/history"]
FIGURES = [
    *("data/filter_people/funnel.json", "data/filter_people/figures.json"),
    *("data/downscale/funnel.json", "data/evaluate/figures.json", "data/evaluate/scores.csv"),
]

INTERRUPTED = 130  # the exit code
_when_interrupted = "interrupted"

app = typer.Typer(
    help="From photographs to an evaluated completion GAN. `dvc repro` runs all eleven stages, as "
    "params.yaml in this folder says, and only what changed; a numbered command below runs one.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=True,
)


def _print_version(is_wanted: bool) -> None:
    from importlib.metadata import version

    if is_wanted:
        typer.echo(f"scenefill {version('scenefill')}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show it and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Options that stand before a command."""


def main() -> None:
    """Runs the command; a fault of the user's is one screen of text, not a traceback."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # by typer, of a KeyboardInterrupt
            typer.echo(_when_interrupted, err=True)
        raise
    except Exception as error:
        from pipeline.runtime.system_faults import system_fault

        # Some libraries tell of a full disk by a ValueError.
        message = system_fault(error) or (str(error) if isinstance(error, ValueError) else None)
        if message is None:
            raise
        # Notes say at which photo it was.
        _fail("\n".join([message, *getattr(error, "__notes__", [])]))


def _say_if_interrupted(message: str) -> None:
    """What Ctrl-C and SIGTERM are answered with from here on."""
    global _when_interrupted
    _when_interrupted = message


def _fail(message: str) -> None:
    """Shows the message; in a project the traceback is kept for whoever has to look deeper.

    Where it cannot be kept, on a full disk say, the message stands alone.
    """
    with suppress(OSError):
        typer.echo(f"error: {message}", err=True)
        from pipeline.config.preconditions import find_project
        from pipeline.runtime.scratch import work_dir

        if find_project(Path.cwd()) is not None:
            log = work_dir() / "last-error.txt"
            log.parent.mkdir(parents=True, exist_ok=True)
            # Of a file name, what is no UTF-8 cannot be written as such.
            log.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            typer.echo(f"(the traceback is in {log})", err=True)
    sys.exit(1)


def _stage_command(name: str) -> Callable[[], None]:
    def command() -> None:
        _say_if_interrupted(f"{name}: interrupted; run it again to go on from here")
        from pipeline.config.out_sums import record, require_sound
        from pipeline.config.preconditions import enter_project, require_inputs
        from pipeline.config.whole import check_whole, warnings_of
        from pipeline.params.section import read
        from pipeline.planning.timings import params_digest, timed
        from pipeline.runtime.parent import stop_with_dvc
        from pipeline.runtime.running import running

        enter_project()
        params = check_whole()
        inputs = require_inputs(name, shards_here=params.runtime.shards == "disk")
        if name == "detect_people":
            for warning in warnings_of(params):
                typer.echo(f"{name}: WARNING: {warning}", err=True)
        stop_with_dvc()
        with running(name), timed(name, params_digest(read())):
            require_sound(inputs)
            importlib.import_module(f"pipeline.stages.{name}").run()
            record(name)
        typer.echo(f"{name}: done, see data/{name}/", err=True)

    return command


def _enter(command: str, *outs: str) -> Path:
    """Goes to the project's folder, where `outs` have to be; what typed paths are relative to."""
    from pipeline.config.out_sums import require_sound
    from pipeline.config.preconditions import enter_project, require_outs

    here = enter_project()
    require_outs(command, *outs)
    require_sound(outs)
    return here


def _model(command: str, named: Path | None) -> tuple[Path, Path]:
    """What typed paths are relative to, and the generator: the named one, or the project's.

    With a named one a command works outside of projects too.
    """
    from pipeline.config.out_sums import require_sound
    from pipeline.config.preconditions import enter_project, find_project, require_outs

    if find_project(Path.cwd()) is None:
        if named is None:
            raise ValueError(
                f"{command} needs a generator: name one with --model (its folder, or an .onnx "
                f"file), or go to a project of Scenefill; {Path.cwd()} is in none"
            )
        return Path(), named
    here = enter_project()
    if named is not None:
        return here, here / named
    require_outs(command, *GENERATOR)
    require_sound(GENERATOR)
    return here, Path("data/train")


def _model_or_fill(command: str, named: str | None) -> tuple[Path, Path]:
    """As `_model`; the name of a classical fill is no path, and needs nothing trained."""
    from pipeline.api import is_fill
    from pipeline.config.preconditions import enter_project, find_project

    if named is None or not is_fill(named):
        return _model(command, None if named is None else Path(named))
    is_in_project = find_project(Path.cwd()) is not None
    return (enter_project() if is_in_project else Path()), Path(named)


def _at(here: Path, path: Path | None) -> Path | None:
    return None if path is None else here / path


for _name, _help in STAGES.items():
    app.command(_name, help=_help)(_stage_command(_name))


@app.command()
def use(
    profile: Annotated[
        str,
        typer.Argument(
            help="sample: the embedded default; folder: your own photos; places365-val, places365, "
            "celeba, mnist: what their names say"
        ),
    ],
) -> None:
    """Write params.yaml from a profile; show what changes."""
    from pipeline.config.photo_folder import faults_of
    from pipeline.config.profiles import use_profile
    from pipeline.config.whole import check_whole

    _enter("use")
    typer.echo(use_profile(profile))
    params = check_whole()
    if params.download.source == "folder":
        for fault in faults_of(Path(params.sources.folder.path)):
            typer.echo(f"WARNING: {fault}", err=True)


@app.command()
def options(
    recipe: Annotated[str, typer.Argument(help="a recipe of models/recipes/, e.g. ganscape")],
    preset: Annotated[
        str | None, typer.Option(help="default or faithful, in place of what params.yaml has")
    ] = None,
) -> None:
    """Show all options of a recipe, as lines for params.yaml."""
    from pipeline.config.recipe_options import options_text

    _enter("options")
    typer.echo(options_text(recipe, preset))


@app.command()
def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            help="NAME, NAME:faithful, NAME:plain (without its adversary); without: all there are"
        ),
    ] = None,
    images: Annotated[int, typer.Option(help="that each training sees")] = 16_000,
    width: Annotated[int | None, typer.Option(help="in place of each recipe's own")] = None,
    seeds: Annotated[int, typer.Option(help="trainings of each recipe")] = 1,
) -> None:
    """Train and measure several recipes alike: table, plot."""
    _enter("compare", *SHARDS, *FEATURES)
    from pipeline.commands.compare import compare_recipes

    typer.echo(compare_recipes(recipes or [], images, width, seeds))


@app.command()
def export(
    model: Annotated[Path | None, typer.Option(help="in place of data/train")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="onnx, torch, safetensors; repeatable; without: all"),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="in place of data/export")] = None,
    hub: Annotated[
        Path | None,
        typer.Option(help="a folder for the Hugging Face Hub: weights, cards, Croissant file"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite what is there")] = False,
) -> None:
    """Write the generator for use elsewhere, as ONNX, say."""
    if hub is not None:
        if model or formats or output:
            raise ValueError("--hub writes the project's own generator: leave the others out")
        here = _enter("export --hub", *GENERATOR, *SHARDS, *FIGURES, *CARDS)
        from pipeline.commands.hub import export_hub

        typer.echo(export_hub(Path(), here / hub, force=force))
        return
    here, generator = _model("export", model)
    from pipeline.commands.export import export

    out = _at(here, output) or Path("data/export")
    typer.echo(export(generator, formats or ["all"], out, force=force))


@app.command()
def runs(
    for_report: Annotated[
        bool, typer.Option("--for-report", help="also keep the list, which the report then shows")
    ] = False,
) -> None:
    """List the runs that git has figures of."""
    from pipeline.commands.runs import runs_text

    _enter("runs")
    typer.echo(runs_text(for_report))


INPUTS = typer.Argument(help="photos: files, folders, globs", metavar="INPUT...")
MODEL = typer.Option(
    help="its folder, an .onnx file, or a classical fill such as harmonic, in place of data/train"
)
OUTPUT_DIR = typer.Option("--output-dir", help="in place of each photo's own folder")
OUTPUT = typer.Option(
    help="of one photo; .png and .webp keep known pixels, .jpg changes them a little"
)
BLEND = typer.Option(help="fit to the border: none, feather (colours near it), poisson (all)")
COLORS = typer.Option(help="reduce what is filled in to so many colours, 2 to 256")
FORCE = typer.Option("--force", help="write over existing outputs")
RESUME = typer.Option("--resume", help="leave out photos that have their output")
RECURSIVE = typer.Option("--recursive", help="look into the subfolders of named folders too")
DEVICE = typer.Option(help="auto, cpu, cuda, cuda:1, mps")
BATCH_INTERRUPTED = "interrupted; what is written is whole, --resume goes on from here"


@app.command()
def complete(
    inputs: Annotated[list[str], INPUTS],
    mask: Annotated[
        Path | None,
        typer.Option(
            help="transparent or white = complete; a folder has masks of the inputs' stems"
        ),
    ] = None,
    mask_threshold: Annotated[
        int | None,
        typer.Option(help="of masks with more than two values: brighter pixels are white"),
    ] = None,
    mask_black: Annotated[
        bool, typer.Option("--mask-black", help="black (or opaque) = complete")
    ] = False,
    grow: Annotated[int, typer.Option(help="px by which holes are widened")] = 0,
    hole: Annotated[
        list[str] | None, typer.Option(help="top,left,height,width in px; repeatable")
    ] = None,
    remove: Annotated[
        str | None, typer.Option(help="people: whoever params.yaml's detector finds")
    ] = None,
    outline_weights: Annotated[
        Path | None,
        typer.Option(help="of a YOLO for segments: people by their outlines, not their boxes"),
    ] = None,
    outline_sha256: Annotated[str, typer.Option(help="of the file of --outline-weights")] = "",
    output_dir: Annotated[Path | None, OUTPUT_DIR] = None,
    output: Annotated[Path | None, OUTPUT] = None,
    model: Annotated[str | None, MODEL] = None,
    blend: Annotated[str, BLEND] = "none",
    colors: Annotated[int | None, COLORS] = None,
    seed: Annotated[int, typer.Option(help="of networks that draw noise")] = 0,
    force: Annotated[bool, FORCE] = False,
    resume: Annotated[bool, RESUME] = False,
    recursive: Annotated[bool, RECURSIVE] = False,
    device: Annotated[str, DEVICE] = "auto",
) -> None:
    """Complete holes in photos of any size.."""
    here, generator = _model_or_fill("complete", model)
    from pipeline.image_files.complete import ENDING, complete_files
    from pipeline.image_files.jobs import Outputs
    from pipeline.image_files.masks import MaskRule
    from pipeline.image_files.render_options import RenderOptions

    _say_if_interrupted(BATCH_INTERRUPTED)
    typer.echo(
        complete_files(
            [str(here / name) for name in inputs],
            Outputs(ENDING, _at(here, output), _at(here, output_dir), force, resume),
            RenderOptions(generator, blend, colors, seed, device),
            mask=_at(here, mask),
            holes=hole or [],
            remove=remove,
            outlines=(here / outline_weights, outline_sha256) if outline_weights else None,
            recursive=recursive,
            rule=MaskRule(mask_threshold, mask_black, grow),
        )
    )


@app.command()
def outpaint(
    inputs: Annotated[list[str] | None, INPUTS] = None,
    extension_ratio: Annotated[
        float,
        typer.Option(
            "--extension-ratio",
            help="new extent, as a share of the photo's, of each axis that has a side below",
        ),
    ] = 0.5,
    sides: Annotated[
        str, typer.Option(help="some of left,right,top,bottom; two of an axis share its extent")
    ] = "left,right",
    output_dir: Annotated[Path | None, OUTPUT_DIR] = None,
    output: Annotated[Path | None, OUTPUT] = None,
    model: Annotated[str | None, MODEL] = None,
    blend: Annotated[str, BLEND] = "none",
    colors: Annotated[int | None, COLORS] = None,
    seed: Annotated[int, typer.Option(help="of networks that draw noise")] = 0,
    force: Annotated[bool, FORCE] = False,
    resume: Annotated[bool, RESUME] = False,
    recursive: Annotated[bool, RECURSIVE] = False,
    device: Annotated[str, DEVICE] = "auto",
    # As the outpainting tool that this follows spells them.
    input_image: Annotated[str | None, typer.Option("--input_image", hidden=True)] = None,
    output_folder: Annotated[Path | None, typer.Option("--output_dir", hidden=True)] = None,
    ratio: Annotated[float | None, typer.Option("--extension_ratio", hidden=True)] = None,
) -> None:
    """Continue photos beyond their sides.."""
    here, generator = _model_or_fill("outpaint", model)
    from pipeline.image_files.jobs import Outputs
    from pipeline.image_files.outpaint import ENDING, outpaint_files
    from pipeline.image_files.render_options import RenderOptions

    names = [*(inputs or []), *([input_image] if input_image else [])]
    folder = output_dir or output_folder
    _say_if_interrupted(BATCH_INTERRUPTED)
    typer.echo(
        outpaint_files(
            [str(here / name) for name in names],
            Outputs(ENDING, _at(here, output), _at(here, folder), force, resume),
            RenderOptions(generator, blend, colors, seed, device),
            extension_ratio=extension_ratio if ratio is None else ratio,
            sides=sides.split(","),
            recursive=recursive,
        )
    )


@app.command()
def schema() -> None:
    """Write the JSON schema of params.yaml for editors."""
    _enter("schema")
    from pipeline.config.json_schema import SCHEMA_PATH, write_schema

    write_schema(SCHEMA_PATH)
    typer.echo(f"wrote {SCHEMA_PATH}")


@app.command()
def check() -> None:
    """Check the whole of params.yaml, your photos' names, and DVC's own files."""
    from pipeline.config.dvc_files import faults_of_dvc
    from pipeline.config.photo_folder import faults_of
    from pipeline.config.whole import check_whole

    _enter("check")
    params = check_whole()
    if faults := faults_of(Path(params.sources.folder.path)) + faults_of_dvc():
        raise ValueError("\n".join(faults))
    typer.echo("params.yaml is fine")


@app.command()
def plan(
    again: Annotated[bool, typer.Option("--again", help="measure this machine anew")] = False,
    nodes: Annotated[int, typer.Option(min=1, help="machines like this one")] = 1,
    gpus: Annotated[
        int, typer.Option(min=0, help="GPUs in each node; 0: what this machine has")
    ] = 0,
    times: Annotated[int, typer.Option(min=1, help="as many photos as the source has")] = 1,
) -> None:
    """Say what a run will take: photos, time, disk."""
    _enter("plan")
    from pipeline.config.whole import check_whole
    from pipeline.planning.cluster import Cluster
    from pipeline.planning.plan import plan_text

    typer.echo(plan_text(check_whole(), list(STAGES), again, Cluster(nodes, gpus), times))


@app.command()
def results() -> None:
    """Show the last run: funnel, figures, where images lie."""
    _enter("results", *FIGURES, *TRAINED)
    from pipeline.commands.results import summary

    typer.echo(summary(Path("data")))


@app.command()
def record() -> None:
    """Commit the last run to git: dvc.lock and its figures."""
    _enter("record")
    from pipeline.commands.record import record_run

    typer.echo(record_run())


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="print one frame and end")] = False,
) -> None:
    """Watch the training: losses, rate, verdicts, time left."""
    from pipeline.commands.watch import watch
    from pipeline.runtime.scratch import work_dir

    _enter("watch")
    watch(work_dir(), once)


@app.command()
def thresholds(
    min_score: Annotated[
        list[float] | None, typer.Option(help="a filter_people.min_score to try; repeatable")
    ] = None,
    min_box_area: Annotated[
        list[float] | None, typer.Option(help="a filter_people.min_box_area to try; repeatable")
    ] = None,
    by_category: Annotated[
        bool, typer.Option("--by-category", help="a row a category, a column a score")
    ] = False,
) -> None:
    """Show what other people thresholds would keep."""
    _enter("thresholds", INDEX, "data/detect_people/people.parquet")
    from pipeline.commands.thresholds import threshold_table

    typer.echo(threshold_table(Path("data"), min_score or [], min_box_area or [], by_category))


@app.command()
def explain(
    photo: Annotated[
        str,
        typer.Argument(help="its key, its path or its file name"),
    ],
) -> None:
    """Tell the story of one photo, with an image."""
    here = _enter("explain", INDEX)
    from pipeline.commands.explain import tell
    from pipeline.runtime.scratch import work_dir

    story = tell(str(here / photo) if (here / photo).is_file() else photo, Path("data"))
    typer.echo("\n".join(story.lines))
    if story.picture is not None:
        path = work_dir() / "explain" / f"{story.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        story.picture.save(path)
        typer.echo(f"{'image':19}{path}")


@app.command()
def web(
    host: Annotated[str, typer.Option(help="another lets other machines in")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    model: Annotated[
        Path | None, typer.Option(help="a trained generator's folder, or an exported .onnx file")
    ] = None,
    root_path: Annotated[
        str, typer.Option(help="under which a proxy shows the page, such as /scenefill")
    ] = "",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="a name by which a proxy shows the page, such as lab.example.org"),
    ] = None,
    auth: Annotated[
        Path | None, typer.Option(help="a file of name:password lines; nobody else gets in")
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, help="of an uploaded file")] = 50,
    max_megapixels: Annotated[int, typer.Option(min=1, max=120, help="of a photo")] = 64,
    keep_minutes: Annotated[int, typer.Option(min=1, help="that uploads stay")] = 60,
) -> None:
    """Serve a page to complete photos and browse the data."""
    here = _enter("web")
    from pipeline.web.server import serve
    from pipeline.web.settings import Settings
    from pipeline.web.uploads import Limits

    limits = Limits(max_megabytes * 1_000_000, max_megapixels * 1_000_000)
    settings = Settings(
        host,
        port,
        root_path,
        tuple(allowed_host or ()),
        _at(here, auth),
        limits,
        keep_minutes * 60,
    )
    serve(settings, _at(here, model))


@app.command()
def doctor() -> None:
    """Check the set-up and say what to mend."""
    _enter("doctor")
    from pipeline.commands.doctor import examine

    num_faults = 0
    for finding in examine():
        typer.echo(finding.line)
        num_faults += finding.is_fault
    if num_faults:
        raise typer.Exit(1)


@app.command()
def verify(
    remove: Annotated[
        bool, typer.Option("--remove", help="what is damaged, also from DVC's cache")
    ] = False,
) -> None:
    """Compare all outs with their sums, byte for byte."""
    from pipeline.commands.verify import verify

    _enter("verify")
    typer.echo(verify(Path("data"), remove=remove))


@app.command()
def clean() -> None:
    """Remove unfinished work, checkpoints, kept downloads."""
    from pipeline.commands.clean import clean_scratch

    _enter("clean")
    typer.echo(clean_scratch(Path("data")))

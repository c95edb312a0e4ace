"""Painted photos are the same bytes on every processor: with its features off, and by what is
called at all."""

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from pipeline.sources.synthetic import exact_images, exact_math, landscapes
from pipeline.sources.synthetic import source as synthetic
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.landscape import noise
from pipeline.sources.synthetic.options import SyntheticOptions

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "pipeline/sources/synthetic"
OPTIONS = SyntheticOptions(
    num_photos=30,
    seed=336,
    people_share=0.4,
    copy_share=0.2,
    greyscale_share=0.1,
    cmyk_share=0.1,
    broken_share=0.1,
)
# Hashes of the archive and its table; then of what numpy, OpenCV, BLAS and the system's library
# make of their own, which says whether anything was turned off.
PAINT = """
import hashlib, math, sys
from pathlib import Path
import cv2, numpy as np
from pipeline.sources.synthetic import source
from pipeline.sources.synthetic.options import SyntheticOptions

folder, options = Path(sys.argv[1]), SyntheticOptions.model_validate_json(sys.argv[2])
paths = folder / "photos.tar", folder / "truth.parquet"
source.write_archive(*paths, options, lambda done: None)
values = np.random.default_rng(0).random((200, 200), dtype=np.float32)
own = {
    "numpy": np.exp(values).tobytes(),
    "OpenCV": cv2.GaussianBlur(values, (0, 0), 1.1).tobytes(),
    "BLAS": (values.astype(np.float64) @ values).tobytes(),
    "libm": np.array([math.exp(value) for value in values.ravel().tolist()]).tobytes(),
}
digest = lambda data: hashlib.sha256(data).hexdigest()
print(*(digest(path.read_bytes()) for path in paths), *map(digest, own.values()))
"""
PARTS = ("numpy", "OpenCV", "BLAS", "libm")


def paint(folder: Path, **switches: str) -> tuple[list[str], dict[str, str]]:
    """Hashes of archive and table, and of each part's own results, in a process of its own."""
    folder.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", PAINT, str(folder), OPTIONS.model_dump_json()],
        cwd=ROOT,
        env={**os.environ, **switches},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    digests = run.stdout.split()
    return digests[:2], dict(zip(PARTS, digests[2:], strict=True))


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    plans = [synthetic.plan(i, OPTIONS) for i in range(OPTIONS.num_photos)]
    faults = {"none", "exact_copy", "near_copy", "greyscale", "cmyk", "broken"}
    assert {p.category for p in plans} == set(landscapes.CATEGORIES)
    assert {p.fault for p in plans} == faults and any(p.has_people for p in plans)
    return paint(tmp_path_factory.mktemp("painted") / "default")


def _switches() -> dict[str, dict[str, str]]:
    """Environment variables that turn off what this processor can do beyond the plainest."""
    in_numpy = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    in_opencv = [name[1:] for name in cv2.getCPUFeaturesLine().split() if name.startswith("*")]
    return {
        "numpy": {"NPY_DISABLE_CPU_FEATURES": " ".join(in_numpy)},
        "OpenCV": {"OPENCV_CPU_DISABLE": ",".join(in_opencv), "OPENCV_IPP": "disabled"},
        "BLAS": {"OPENBLAS_CORETYPE": "Prescott"},
        # Two generations of the C library's names.
        "libm": {
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX512F,-FMA_Usable,-AVX2_Usable",
            "JSIMD_FORCENONE": "1",  # the JPEG encoder's
        },
    }


SOME_PARTS = [("numpy",), ("OpenCV",), ("BLAS", "libm")]


@pytest.mark.parametrize(
    "off",
    [*(pytest.param(parts, marks=pytest.mark.slow) for parts in SOME_PARTS), PARTS],
)
def test_photos_do_not_depend_on_the_processor(
    off: tuple[str, ...], painted: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    switches = {name: value for part in off for name, value in _switches()[part].items()}
    photos, own = paint(tmp_path / "off", **switches)
    assert photos == painted[0]
    if all(own[part] == painted[1][part] for part in off):
        pytest.skip(f"this processor has nothing of {off} to turn off")


def test_functions_are_close() -> None:
    x = np.linspace(-30, 30, 10_001)
    for dtype, error in ((np.float32, 5e-6), (np.float64, 1e-14)):
        given = x.astype(dtype)
        true, positive = given.astype(np.float64), np.abs(given) + dtype(0.01)
        assert exact_math.exp(given).dtype == dtype
        assert np.abs(exact_math.exp(given) / np.exp(true) - 1).max() < error
        assert np.abs(exact_math.sin(given) - np.sin(true)).max() < error
        assert np.abs(exact_math.cos(given) - np.cos(true)).max() < error
        logs = np.log(positive.astype(np.float64))
        assert np.abs(exact_math.log(positive) - logs).max() < error
        raised = positive.astype(np.float64) ** 1.7
        assert np.abs(exact_math.power(positive, 1.7) / raised - 1).max() < error
    assert exact_math.power(0.0, 0.6) == 0
    assert 0 < exact_math.exp(-1e6) < 1e-300


def test_sums_and_products_do_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(0)
    values, order = rng.normal(3, 100, (64, 500)), rng.permutation(500)
    total = exact_math.mean(values)
    assert total == exact_math.mean(values[:, order]) == exact_math.mean(values.T)
    assert abs(total - values.mean()) < 1e-6
    other = rng.normal(0, 1, (500, 32))
    found = exact_math.product(values, other)
    assert np.array_equal(found, exact_math.product(values[:, order], other[order]))
    assert np.abs(found - values @ other).max() < 0.1


def test_sampling_never_rounds() -> None:
    rng = np.random.default_rng(0)
    tile = exact_math.on_grid(rng.normal(0, 1, (64, 64)), exact_images.SINGLE_BITS)
    columns, rows = rng.integers(0, 64 * 32, (2, 40, 40))
    whole = np.rint(tile * 2.0**20).astype(np.int64)
    right, below = columns % 32, rows % 32
    left, top = columns // 32, rows // 32
    expected = (
        whole[top, left] * (32 - right) * (32 - below)
        + whole[top, (left + 1) % 64] * right * (32 - below)
        + whole[(top + 1) % 64, left] * (32 - right) * below
        + whole[(top + 1) % 64, (left + 1) % 64] * right * below
    )
    places = (np.asarray(place / 32, np.float32) for place in (columns, rows))
    found = exact_images.remap(tile.astype(np.float32), *places, cv2.BORDER_WRAP)
    assert np.array_equal(found.astype(np.float64), expected / 2.0**30)


def test_tiles_have_few_bits() -> None:
    tiles = (noise.tile(1.5, 1), noise.wave_tile(), noise.leaf_tile(), noise.billow_tile())
    crowns, bumps = noise.crowns(True), noise.bumps(1.9, 1)
    parts = [crowns.slopes[..., 1], bumps.slopes[..., 2], crowns.heights, bumps.heights]
    for tile in (*tiles, *parts):
        assert np.array_equal(tile, exact_math.on_grid(tile, exact_images.SINGLE_BITS))


def test_resizing_and_blur_are_close_to_opencv() -> None:
    image = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
    shrunk = cv2.resize(image, (64, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(exact_images.shrink(image, 48, 64) - shrunk).max() < 1e-5
    enlarged = cv2.resize(image, (200, 150), interpolation=cv2.INTER_CUBIC)
    assert np.abs(exact_images.enlarge(image, 150, 200) - enlarged).max() < 1e-4
    for sigma in (0.7, 1.5, 3.5):
        soft = cv2.GaussianBlur(image, (0, 0), sigma)
        assert np.abs(exact_images.blur(image, sigma) - soft).max() < 2e-3


def test_normal_variates_are_normal() -> None:
    values = Draws(0).normal(2, 3, 200_000)
    for share, quantile in ((0.5, 0.0), (0.8413, 1.0), (0.9772, 2.0), (0.99865, 3.0)):
        assert abs(np.mean(values < 2 + 3 * quantile) - share) < 4e-3 * (1.1 - share) + 2e-4
    assert hashlib.sha256(Draws(1).standard_normal(9)).digest() == (
        hashlib.sha256(Draws(1).standard_normal(9)).digest()
    )


# What IEEE 754 or whole numbers fix, element by element, and what moves numbers about.
EXACT_NUMPY = {
    *("abs", "ceil", "clip", "floor", "frexp", "ldexp", "maximum", "minimum", "multiply", "rint"),
    *("sqrt", "square", "gradient", "linspace", "arange", "where", "isfinite"),
    *("bincount", "searchsorted", "sort", "argsort", "flatnonzero"),
    *("array", "asarray", "ascontiguousarray", "broadcast_to", "concatenate", "dstack", "full"),
    *("full_like", "ix_", "meshgrid", "mgrid", "moveaxis", "ones", "ones_like", "pad", "roll"),
    *("shape", "stack", "zeros", "zeros_like", "lib"),
    *("bool_", "finfo", "float32", "float64", "floating", "inf", "int32", "int64", "pi"),
    *("uint8", "uint16"),
}
# Whole-number rasterisers, the least of bytes, copies.
EXACT_OPENCV = {"boundingRect", "copyMakeBorder", "ellipse", "erode", "fillPoly", "line"}
HARMLESS_OPENCV = {"setNumThreads", "LINE_AA"}
# What only these files may use, on numbers of few bits or on whole ones.
EXCEPTIONS = {
    "exact_math.py": {"@", ".sum"},
    "exact_images.py": {"cv2.remap", "cv2.sepFilter2D", "cv2.CV_64F", ".sum"},
    "draws.py": {"np.random", ".cumsum"},
    "terrain.py": {".cumsum"},
}
SUMS = {"sum", "mean", "std", "var", "dot", "cumsum", "prod", "cumprod", "trace", "round"}


def _inexact(tree: ast.AST) -> set[str]:
    """What the code calls that is not the same on every processor."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            found.add("@")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
            found.add("**")
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            found |= {name for name in names if name.split(".")[0] in ("math", "scipy", "random")}
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sum", "pow"):
            found.add(ast.unparse(node.func))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.argsort":
            if "stable" not in ast.unparse(node):
                found.add("np.argsort of no fixed order")
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner == "np" and node.attr not in EXACT_NUMPY:
                found.add(f"np.{node.attr}")
            constant = node.attr.startswith(("BORDER_", "INTER_"))
            if owner == "cv2" and node.attr not in EXACT_OPENCV | HARMLESS_OPENCV and not constant:
                found.add(f"cv2.{node.attr}")
            if node.attr in SUMS and owner not in ("exact_math", "terrain"):
                found.add(f".{node.attr}")
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_inexact_is_called(path: Path) -> None:
    if path.name == "options.py":
        pytest.skip("paints nothing")
    found = _inexact(ast.parse(path.read_text()))
    assert found <= EXCEPTIONS.get(path.name, set())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("np.exp(x)", "np.exp"),
        ("x ** 1.5", "**"),
        ("x **= 2", "**"),
        ("x @ y", "@"),
        ("cv2.resize(x, (1, 1))", "cv2.resize"),
        ("x[0].mean(0)", ".mean"),
        ("import math", "math"),
        ("from math import exp", "math"),
        ("np.argsort(x)", "np.argsort of no fixed order"),
    ],
)
def test_inexact_calls_are_found(code: str, found: str) -> None:
    assert _inexact(ast.parse(code)) == {found}

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.duplicates.descriptors import LENGTH, descriptor, mirrored
from pipeline.duplicates.leaks import SIMILARITY, find_leaks, leak_counts, leak_table
from pipeline.photos.decoding import decode
from pipeline.runtime.code_closure import ROOT


def random_descriptors(rng: np.random.Generator, num: int) -> np.ndarray:
    vectors = rng.normal(size=(num, LENGTH))
    return np.rint(127 * vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.int8)


def nearby(rng: np.random.Generator, descriptors: np.ndarray, noise: float) -> np.ndarray:
    vectors = descriptors + rng.normal(size=descriptors.shape) * noise * 127 / np.sqrt(LENGTH)
    return np.rint(vectors).clip(-127, 127).astype(np.int8)


def by_all_pairs(descriptors: np.ndarray, splits: list[str]) -> set[tuple[int, int]]:
    def unit(values: np.ndarray) -> np.ndarray:
        values = values.astype(float)
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)

    plain, turned = unit(descriptors), unit(mirrored(descriptors))
    best = np.maximum(plain @ plain.T, plain @ turned.T)
    best[np.equal.outer(np.array(splits), np.array(splits))] = 0
    return {(int(i), int(j)) for i, j in np.argwhere(np.triu(best) >= SIMILARITY)}


def test_pairs_equal_those_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    originals = random_descriptors(rng, 600)
    copies = [nearby(rng, originals[:200], noise) for noise in (0.05, 0.2, 0.35)]
    descriptors = np.concatenate([originals, *copies, mirrored(copies[0])])
    splits = [str(name) for name in rng.choice(["train", "val", "test"], len(descriptors))]
    truth = by_all_pairs(descriptors, splits)
    found = find_leaks(descriptors, splits)
    assert len(truth) > 500
    assert set(found.pairs) == truth and len(found.pairs) == len(truth)
    assert found.is_mirrored.any() and not found.is_mirrored.all()
    assert (np.diff(found.similarity) <= 0).all()


def test_the_work_grows_with_the_photos() -> None:
    """Also where all photos show the same: no bucket can grow."""
    rng = np.random.default_rng(0)
    originals = random_descriptors(rng, 20_000)
    splits = ["train"] * 18_000 + ["test"] * 2_000
    alike = np.repeat(originals[:1], 20_000, axis=0)
    for descriptors in (originals, nearby(rng, alike, 0.5)):
        assert find_leaks(descriptors, splits).num_compared <= 32 * 8 * 2 * 20_000


def test_one_split_and_photos_of_one_colour_leak_nothing() -> None:
    descriptors = random_descriptors(np.random.default_rng(0), 50).repeat(2, axis=0)
    found = find_leaks(descriptors, ["train"] * 100)
    assert (found.pairs, found.num_compared) == ([], 0)
    blank = np.zeros((100, LENGTH), dtype=np.int8)
    assert find_leaks(blank, ["train", "test"] * 50).pairs == []
    assert find_leaks(blank[:0], []).pairs == []


def test_table_and_counts() -> None:
    one, other = random_descriptors(np.random.default_rng(0), 2)
    descriptors = np.stack([one, one, mirrored(one[None])[0], other])
    kept = pd.DataFrame({"key": list("abcd"), "split": ["train", "test", "val", "train"]})
    found = find_leaks(descriptors, list(kept["split"]))
    table = leak_table(found, kept)
    assert sorted(zip(table["key"], table["other_key"], table["mirrored"], strict=True)) == [
        ("a", "b", False),
        ("a", "c", True),
        ("b", "c", True),
    ]
    assert leak_counts(table, 7) == {
        "pairs": 3,
        "train_val": 1,
        "train_test": 1,
        "val_test": 1,
        "photos_alike_in_train": 2,
        "compared": 7,
    }
    empty = leak_table(find_leaks(descriptors[2:], ["val", "train"]), kept[2:])
    assert leak_counts(empty, 0)["pairs"] == 0 and list(empty.columns) == list(table.columns)


def test_known_copies_are_found_and_other_landscapes_are_not(shared: Path) -> None:
    with (ROOT / "bench/copies_in_scenes.csv").open() as file:
        pairs = [(row["photo"], row["copy"]) for row in csv.DictReader(file)]
    of_pairs = {name: look(shared / "data" / name) for name in {n for pair in pairs for n in pair}}
    for pair in pairs:
        both = np.stack([of_pairs[name] for name in pair])
        assert find_leaks(both, ["train", "test"]).pairs, pair
    folder = shared / "data/landscapes256/landscape"
    copies = {Path(name).name for name in of_pairs}
    different = [path for path in sorted(folder.glob("*.jpg")) if path.name not in copies]
    descriptors = np.stack([look(path) for path in different])
    rng = np.random.default_rng(0)
    splits = [str(name) for name in rng.choice(["train", "test"], len(different))]
    found = find_leaks(descriptors, splits)
    num_pairs = splits.count("train") * splits.count("test")
    assert len(found.pairs) * 50_000 < num_pairs


def look(path: Path) -> np.ndarray:
    return descriptor(decode(path.read_bytes()))

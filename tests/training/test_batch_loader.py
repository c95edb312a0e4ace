"""Batches are functions of (seed, step), wherever the photos come from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.components.pixels import to_uint8
from models.recipe import Batch
from pipeline.holes.drawn_holes import boxes_around, of_rectangles
from pipeline.training.batch_loader import BatchLoader, flipped, mirrored
from pipeline.training.order import Order
from pipeline.training.photos import Holes, Photos, ResidentPhotos, choose_feeding, shard_sizes
from pipeline.training.streamed_photos import StreamedPhotos
from support.cutters import KINDS, cutter

CPU = torch.device("cpu")
FRESH = cutter("box")


def inside(rectangles: torch.Tensor) -> torch.Tensor:
    """(N, 4) -> (N, 1, 64, 64) bool."""
    return torch.from_numpy(of_rectangles(rectangles[:, None].numpy(), 64).masks)[:, None]


def photos(num: int) -> Photos:
    """Photo number n has the value n in every pixel; holes and boxes differ."""
    images = torch.arange(num, dtype=torch.uint8).view(num, 1, 1, 1).expand(num, 64, 64, 3)
    corners = torch.arange(num)
    holes = torch.stack([corners, corners * 2 % 40, corners * 0 + 20, corners * 0 + 22], dim=1)
    boxes = torch.from_numpy(boxes_around(of_rectangles(holes[:, None].numpy(), 64), 28))
    return Photos(images.contiguous(), Holes(inside(holes), boxes))


def loader(
    num: int = 10, batch_size: int = 4, fresh: bool = True, flip: bool = True
) -> BatchLoader:
    resident = ResidentPhotos(photos(num), Order(7, (num,)), CPU)
    return BatchLoader(resident, 7, batch_size, flip, FRESH if fresh else None)


def numbers(batch: Batch) -> list[int]:
    return to_uint8(batch.image)[:, 0, 0, 0].tolist()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    in_order = [loader().batch(step) for step in range(6)]
    for step in (5, 2, 0):
        again = loader().batch(step)
        for name in ("image", "mask", "box"):
            assert torch.equal(getattr(again, name), getattr(in_order[step], name))


@pytest.mark.parametrize("batch_size", [3, 4, 10, 23])
def test_every_pass_sees_every_photo_once(batch_size: int) -> None:
    seen = [n for step in range(10) for n in numbers(loader(batch_size=batch_size).batch(step))]
    passes = [seen[start : start + 10] for start in range(0, len(seen) - 9, 10)]
    assert len(passes) >= 3
    assert all(sorted(each) == list(range(10)) for each in passes)
    assert passes[0] != passes[1]


def test_the_order_does_not_depend_on_the_batch_size() -> None:
    small = [n for step in range(6) for n in numbers(loader(batch_size=2).batch(step))]
    assert small == [n for step in range(3) for n in numbers(loader(batch_size=4).batch(step))]


def test_fresh_holes_differ_between_steps_and_lie_in_their_box() -> None:
    source = loader(num=4)
    first, second = source.batch(0), source.batch(1)
    assert not torch.equal(first.mask, second.mask)
    for batch in (first, second):
        assert inside(batch.box)[batch.mask > 0].all()
        assert (batch.box[:, 2:] == 28).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("image_size", "box_size"), [(64, 28), (128, 56), (256, 112)])
def test_fresh_holes_of_every_kind_and_size(kind: str, image_size: int, box_size: int) -> None:
    images = torch.zeros(3, image_size, image_size, 3, dtype=torch.uint8)
    resident = ResidentPhotos(Photos(images, None), Order(7, (3,)), CPU)
    fresh = cutter(kind, image_size, box_size)
    batch = BatchLoader(resident, 7, 3, True, fresh).batch(5)
    assert batch.image.shape == (3, 3, image_size, image_size)
    assert batch.mask.shape == (3, 1, image_size, image_size) and batch.mask.dtype == torch.float32
    holes = fresh.cut("7/fresh hole/5", 3)
    assert np.array_equal(batch.mask[:, 0] > 0, holes.masks)
    assert np.array_equal(batch.box, holes.boxes) and batch.box.dtype == torch.int64


def test_strips_stay_on_their_side_though_photos_are_flipped() -> None:
    """A fresh hole is drawn for the photo as flipped: what is outpainted to the right stays so."""
    source = BatchLoader(loader().photos, 7, 10, True, cutter("strip", sides=["right"]))
    masks = torch.cat([source.batch(step).mask for step in range(4)])
    assert (masks[..., 48:] == 1).all() and (masks[..., :48] == 0).all()


def test_stored_holes_stay_with_their_photo() -> None:
    source = loader(fresh=False, flip=False)
    batch = source.batch(3)
    for index, number in enumerate(numbers(batch)):
        stored = photos(10).holes
        assert stored is not None
        assert torch.equal(batch.mask[index], stored.masks[number].float())
        assert torch.equal(batch.box[index], stored.boxes[number])


def test_flip_mirrors_image_mask_and_box_alike() -> None:
    """Each photo shows its hole's mask and its box as two of its colours."""
    plain = photos(10)
    assert plain.holes is not None
    boxes = inside(plain.holes.boxes)
    shown = torch.cat([plain.holes.masks, boxes, torch.zeros_like(boxes)], dim=1)
    images = shown.permute(0, 2, 3, 1).to(torch.uint8) * 255
    resident = ResidentPhotos(Photos(images, plain.holes), Order(7, (10,)), CPU)
    batch = BatchLoader(resident, 7, 10, True, None).batch(0)
    assert torch.equal(batch.image[:, :1] > 0, batch.mask > 0)
    assert torch.equal(batch.image[:, 1:2] > 0, inside(batch.box))
    unflipped = BatchLoader(resident, 7, 10, False, None).batch(0)
    moved = (unflipped.box != batch.box).any(dim=1)
    assert 0 < moved.sum() < 10


def test_rectangles_and_tensors_are_mirrored_where_asked() -> None:
    box = torch.tensor([[3, 5, 28, 28], [3, 5, 28, 28]])
    where = torch.tensor([True, False])
    assert mirrored(box, where, 64).tolist() == [[3, 64 - 5 - 28, 28, 28], [3, 5, 28, 28]]
    assert torch.equal(flipped(inside(box), where, 3), inside(mirrored(box, where, 64)))


def test_about_half_is_flipped() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 64, 1).expand(50, 64, 64, 3)
    resident = ResidentPhotos(Photos(ramp.contiguous(), None), Order(7, (50,)), CPU)
    source = BatchLoader(resident, 7, 50, True, FRESH)
    num = sum(int((to_uint8(source.batch(s).image)[:, 0, 0, 0] == 63).sum()) for s in range(8))
    assert 150 < num < 250


@pytest.mark.parametrize("fresh", [True, False])
def test_processes_share_the_batch_of_one(fresh: bool) -> None:
    whole = loader(fresh=fresh)
    shares = [
        BatchLoader(whole.photos, 7, 4, True, whole.fresh, rank=rank, num_processes=2)
        for rank in (0, 1)
    ]
    for step in range(5):
        parts = [share.batch(step) for share in shares]
        batch = whole.batch(step)
        for name in ("image", "mask", "box"):
            both = torch.cat([getattr(part, name) for part in parts])
            assert torch.equal(both, getattr(batch, name))


def test_noise_depends_on_seed_step_and_process() -> None:
    source = loader()

    def draw(source: BatchLoader, step: int) -> float:
        source.seed_noise(step)
        return torch.rand(1).item()

    first = draw(source, 5)
    assert draw(source, 5) == first
    other = BatchLoader(source.photos, 7, 4, True, FRESH, rank=1, num_processes=2)
    assert len({first, draw(source, 6), draw(other, 5)}) == 3


# Streaming


class Shards(StreamedPhotos):
    """Photo n of the split has the value n, as in `photos`; counts what is read."""

    def _load(self, shard: int) -> Photos:
        reads.append(shard)
        starts = np.concatenate([[0], np.cumsum(self.order.shard_sizes)])
        return photos(int(starts[-1]))[torch.arange(starts[shard], starts[shard + 1])]


reads: list[int] = []


def streamed(order: Order) -> Shards:
    reads.clear()
    shards = [Path(str(number)) for number in range(len(order.shard_sizes))]
    return Shards(shards, order, 64, CPU, stored_holes=True, threads=2)


@pytest.mark.parametrize("batch_size", [3, 7, 30])
def test_streamed_photos_give_the_same_batches(batch_size: int) -> None:
    order = Order(3, shard_sizes(43, 5), 12)
    assert len(order.windows(0)) == 3
    resident = BatchLoader(ResidentPhotos(photos(43), order, CPU), 3, batch_size, True, None)
    stream = BatchLoader(streamed(order), 3, batch_size, True, None)
    for step in (*range(20), 2, 15, 16, 0):  # in order, and after a resume
        one, other = resident.batch(step), stream.batch(step)
        for name in ("image", "mask", "box"):
            assert torch.equal(getattr(one, name), getattr(other, name))


def test_a_pass_reads_every_shard_once() -> None:
    order = Order(3, shard_sizes(40, 5), 12)
    source = streamed(order)
    for start in range(0, 40, 4):
        source.take(np.arange(start, start + 4))
    source.close()
    ahead = list(order.windows(1)[0].shards)  # begun, and perhaps read before the close
    once = reads[:8]
    assert sorted(once) == list(range(8)) and set(reads[8:]) <= set(ahead)


def test_no_more_than_the_windows_in_use_and_the_next_are_held() -> None:
    source = streamed(Order(3, shard_sizes(43, 5), 12))
    for start in range(0, 200, 4):
        source.take(np.arange(start, start + 4))
        assert len(source.loaded) <= 3 and len(source.loaded) + len(source.loading) <= 3
    source.close()


def test_a_shard_that_cannot_be_read_is_an_error() -> None:
    class Broken(Shards):
        def _load(self, shard: int) -> Photos:
            raise OSError(f"shard {shard} is gone")

    order = Order(3, shard_sizes(43, 5), 12)
    source = Broken([Path("x")] * 9, order, 64, CPU, stored_holes=True, threads=1)
    with pytest.raises(OSError, match="is gone"):
        source.take(np.arange(4))


# Where the photos lie


def test_photos_lie_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {"host": 1000, "device": 100}
    monkeypatch.setattr("pipeline.training.photos._free_bytes", lambda place, device: rooms[place])
    cuda = torch.device("cuda")
    assert [choose_feeding("auto", num, cuda) for num in (50, 51, 500, 501)] == [
        "device",
        "host",
        "host",
        "stream",
    ]
    assert [choose_feeding("auto", num, CPU) for num in (50, 500, 501)] == [
        "host",
        "host",
        "stream",
    ]
    assert choose_feeding("stream", 1, cuda) == "stream"
    assert choose_feeding("device", 60, cuda) == "device"  # asked for: more than half will do
    assert choose_feeding("device", 60, CPU) == "host"
    with pytest.raises(ValueError, match="runtime.feeding is 'device'.*write auto or stream"):
        choose_feeding("device", 101, cuda)


def test_all_shards_are_full_but_the_last() -> None:
    assert shard_sizes(43, 5) == (5,) * 8 + (3,)
    assert shard_sizes(40, 5) == (5,) * 8
    assert shard_sizes(3, 5) == (3,)

"""Training photos that no memory holds: read from the shards window by window, ahead of need."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from pipeline.shards.reader import Shard
from pipeline.training.order import Numbers, Order, Place
from pipeline.training.photos import Holes, Photos, load_photos

# (pass, window)
Key = tuple[int, int]


class StreamedPhotos:
    """Holds the windows of the last batch, and the one that comes next.

    The next window is decoded by `threads` while the device works on this one.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        order: Order,
        image_size: int,
        device: torch.device,
        *,
        stored_holes: bool,
        threads: int,
    ) -> None:
        self.shards, self.order = list(shards), order
        self.image_size, self.stored_holes = image_size, stored_holes
        self.device = device
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="shards")
        self.loading: dict[Key, list[Future[Photos]]] = {}
        self.loaded: dict[Key, Photos] = {}

    def take(self, positions: Numbers) -> Photos:
        """See TrainingPhotos."""
        places = self.order.places(positions)
        # A batch lies in one window, or across the end of one and the start of the next.
        keys = sorted({(place.number, place.window) for place in places})
        self._hold([*keys, self._next(keys[-1])])
        parts = [self._window(key)[_rows(places, key)] for key in keys]
        return _joined(parts).to(self.device)

    def close(self) -> None:
        """Drops what is not read yet."""
        self.pool.shutdown(cancel_futures=True)

    def _hold(self, keys: list[Key]) -> None:
        """Forgets all windows but `keys` and begins to load what is missing of them."""
        self.loaded = {key: self.loaded[key] for key in keys if key in self.loaded}
        for key in self.loading.keys() - set(keys):
            # Not asked for any more: the training has jumped, by a rollback for instance.
            for future in self.loading.pop(key):
                future.cancel()
        for key in keys:
            if key not in self.loaded and key not in self.loading:
                number, index = key
                shards = self.order.windows(number)[index].shards
                self.loading[key] = [self.pool.submit(self._load, shard) for shard in shards]

    def _window(self, key: Key) -> Photos:
        if key not in self.loaded:
            self.loaded[key] = _joined([part.result() for part in self.loading.pop(key)])
        return self.loaded[key]

    def _load(self, shard: int) -> Photos:
        return load_photos(
            [self.shards[shard]],
            self.order.shard_sizes[shard],
            self.image_size,
            stored_holes=self.stored_holes,
        )

    def _next(self, key: Key) -> Key:
        number, index = key
        last = index + 1 == len(self.order.windows(number))
        return (number + 1, 0) if last else (number, index + 1)


def _rows(places: list[Place], key: Key) -> torch.Tensor:
    return torch.tensor([place.row for place in places if (place.number, place.window) == key])


def _joined(parts: list[Photos]) -> Photos:
    if len(parts) == 1:
        return parts[0]
    stored = [part.holes for part in parts if part.holes]
    holes = None
    if stored:
        masks = torch.cat([part.masks for part in stored])
        holes = Holes(masks, torch.cat([part.boxes for part in stored]))
    return Photos(torch.cat([part.images for part in parts]), holes)

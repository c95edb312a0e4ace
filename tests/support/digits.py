"""Gzipped idx files as MNIST's, the digits drawn."""

import gzip
import struct

import cv2
import numpy as np

MNIST_TRAIN = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
}


def digit(number: int) -> np.ndarray:
    """The digit number % 10, 28x28 uint8, white on black, each a little different."""
    image = np.zeros((28, 28), np.uint8)
    rng = np.random.default_rng(number)
    origin = (int(rng.integers(4, 10)), int(rng.integers(20, 26)))
    scale = float(rng.uniform(0.6, 0.9))
    cv2.putText(image, str(number % 10), origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2)
    image[27, 27] = number % 256  # so that no two are copies
    return image


def idx(array: np.ndarray) -> bytes:
    """An idx file of unsigned bytes, gzipped without a clock."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def mnist_files(num_digits: int) -> dict[str, bytes]:
    """Images and labels of the training part by file name."""
    images = np.stack([digit(number) for number in range(num_digits)])
    labels = np.arange(num_digits) % 10
    return {MNIST_TRAIN["train_images"]: idx(images), MNIST_TRAIN["train_labels"]: idx(labels)}

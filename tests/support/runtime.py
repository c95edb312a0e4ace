"""The section `runtime` for tests."""

from pipeline.params.runtime import RuntimeParams


def runtime(**changes: object) -> RuntimeParams:
    values: dict[str, object] = {"device": "cpu", "threads": 1, "workers": 1, "detect_batch": 8}
    values |= {"engine": "local", "ray": {"address": "", "num_gpus": 0.0}}
    values |= {"processes": 1, "feeding": "auto", "trackers": []}
    values |= {"mirrors": [], "adopt": "", "adopt_by": "copy"}
    return RuntimeParams.model_validate(values | changes)

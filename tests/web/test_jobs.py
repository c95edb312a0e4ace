"""What a visitor waits for ends when they want no more of it, whatever the work is at."""

from threading import Event, Thread

import pytest

from pipeline.web.jobs import CancelledError, Job, Jobs


def test_cancelling_ends_the_waiting_while_a_library_computes() -> None:
    jobs, begun, may_end = Jobs(), Event(), Event()

    def deaf() -> str:
        begun.set()
        assert may_end.wait(30)
        return "too late"

    def wait() -> None:
        with jobs.running("somebody") as job, pytest.raises(CancelledError):
            list(job.follow(deaf))

    waiting = Thread(target=wait)
    waiting.start()
    assert begun.wait(30)
    jobs.cancel("somebody")
    waiting.join(30)
    assert not waiting.is_alive() and not may_end.is_set()

    # The next one says what it waits for, and computes when the first has ended: never both.
    with jobs.running("somebody") as job:
        said = job.follow(lambda: may_end.is_set())
        assert next(said).text == "Waiting for what was cancelled to end"
        may_end.set()
        with pytest.raises(StopIteration) as end:
            while True:
                next(said)
    assert end.value.value is True


def test_cancelled_work_ends_the_next_time_it_says_something() -> None:
    jobs, ended = Jobs(), Event()

    def work(job: Job) -> None:
        try:
            while True:
                job.say("step")
        finally:
            ended.set()

    with jobs.running("somebody") as job:
        said = job.follow(lambda: work(job))
        assert next(said).text == "step"
        jobs.cancel("somebody")
        with pytest.raises(CancelledError):
            list(said)
    assert ended.wait(30)


def test_closing_waits_for_what_was_cancelled() -> None:
    jobs, begun, may_end, ended = Jobs(), Event(), Event(), Event()

    def deaf() -> None:
        begun.set()
        assert may_end.wait(30)
        ended.set()

    with jobs.running("somebody") as job:
        said = job.follow(deaf)
        job.cancel()
        with pytest.raises(CancelledError):
            list(said)
    assert begun.wait(30)
    closing = Thread(target=jobs.close)
    closing.start()
    may_end.set()
    closing.join(30)
    assert ended.is_set() and not closing.is_alive()


def test_what_fails_is_raised_to_who_waits() -> None:
    def fail() -> None:
        raise ValueError("no hole")

    with Jobs().running("somebody") as job, pytest.raises(ValueError, match="no hole"):
        list(job.follow(fail))

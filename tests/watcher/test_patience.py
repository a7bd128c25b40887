"""How long another process is waited for."""

from router.watcher.patience import LIMIT, LONGEST, Patience
from tests.watcher.fakes import Clock


class Process:
    """A process that has used so much of the processor."""

    def __init__(self) -> None:
        self.spent = 3.0

    def __call__(self, pid: int) -> float:
        return self.spent


def test_a_process_that_does_nothing_is_waited_for_until_the_limit() -> None:
    clock, process = Clock(), Process()
    patience = Patience(1, clock=clock, spent=process)
    clock.now += LIMIT
    assert not patience.exhausted()
    clock.now += 0.1
    assert patience.exhausted()


def test_a_process_that_works_slowly_is_waited_for_longer_but_not_for_ever() -> None:
    clock, process = Clock(), Process()
    patience = Patience(1, clock=clock, spent=process)
    waited = 0.0
    while not patience.exhausted():
        clock.now += 10
        waited += 10
        process.spent += 0.2
    assert LONGEST < waited <= LONGEST + 10


def test_a_process_that_only_ticks_over_is_not_at_work() -> None:
    clock, process = Clock(), Process()
    patience = Patience(1, clock=clock, spent=process)
    for _ in range(round(LIMIT) + 5):
        clock.now += 1
        process.spent += 0.002
    assert patience.exhausted()

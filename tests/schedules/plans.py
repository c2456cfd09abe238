"""Plans of faults for one call, made once from a seed, so that a schedule draws a plan by its number alone."""

from collections.abc import Sequence
from random import Random

from tests.schedules.disturbance import Fault, Faults

COUNT = 3000
CHANGES = ("publish", "assemble", "begin", "write", "abort", "delete")
LOST: tuple[Fault, ...] = (
    *("late", "late", "late", "lost", "lost", "repeated", "repeated", "killed after", "killed late"),
)
REQUEST: tuple[Fault, ...] = (
    *("refused", "forbidden", "absent", "hangs", "slow", "goes on", "killed", "exited", "exited after"),
)
ANSWER: tuple[Fault, ...] = (*REQUEST, "page", "pages")
DATABASE: tuple[Fault, ...] = ("killed", "exited", "fails")
STEPS = ("abort", "refresh", "delete", "remove", "cleanup", "work", "put", "put_all", "arrive")
PAUSES = (0, 61, 61, 61, 61, 61, 61, 2 * 86400)


class Plans:
    """Plans for calls that send these requests, each named as often as it shall be disturbed."""

    def __init__(self, requests: Sequence[str]) -> None:
        self.requests = requests
        self.plans = [self._make(Random(number)) for number in range(COUNT)]

    def get(self, number: int) -> Faults:
        return self.plans[number]

    def _make(self, random: Random) -> Faults:
        count = random.choice((0, 1, 1, 1, 2, 3))
        return dict(self._make_fault(random) for _ in range(count))

    def _make_fault(self, random: Random) -> tuple[str, Fault]:
        if random.random() < 0.25:
            kinds = [*DATABASE, _make_pause(random, "meanwhile"), _make_pause(random, "meanwhile")]
            return f"database {random.randint(0, 9)}", random.choice(kinds)
        name = random.choice(self.requests)
        kinds = [*random.choice((LOST, REQUEST) if name in CHANGES else (ANSWER,))]
        if random.random() < 0.4:
            kinds = [_make_pause(random, random.choice(("meanwhile", "afterwards")))]
        return f"{name} {random.choice((0, 0, 0, 1))}", random.choice(kinds)


def _make_pause(random: Random, kind: str) -> Fault:
    first = [_make_finalize(random)] if random.random() < 0.7 else []
    return (kind, random.choice(PAUSES), *first, *(random.choice(STEPS) for _ in range(random.randint(0, 2))))


def _make_finalize(random: Random) -> str | tuple[str, Faults]:
    if random.random() < 0.6:
        return "finalize"
    name = random.choice(("publish", "publish", "assemble", "stat"))
    return "finalize", {f"{name} 0": random.choice((*LOST, *REQUEST))}


FINALIZE = Plans(
    [*["publish"] * 5, *["assemble"] * 2, *["read"] * 2, *["stat"] * 2, "poll", "poll", "missing", "begin"]
)
SEND = Plans(["begin", "begin", "missing", "missing", "write", "write", "write"])
END = Plans(["delete", "delete", "delete", "abort", "abort", "publish", "stat", "missing"])

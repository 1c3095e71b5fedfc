"""A process that counts uses, for a test that kills it.

``metered.py FOLDER GRANT`` reads lines ``FIRST SEED`` and for each forks a child that counts until it is
killed; it writes ``pid N`` before and ``ended STATUS`` after. A child writes, each when it is acknowledged:
``use KEY UNITS`` for what was counted one by one and in batches, ``held KEY UNITS`` and ``settled KEY UNITS``
for reservations, ``taken UNITS`` in all for its counter, and ``left`` when nothing was.
"""

import os
import random
import sys
from datetime import timedelta

from weightmark.errors import QuotaExceededError
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.metering.bounds import read_limits
from weightmark.workspace.metering.meter import Meter
from weightmark.workspace.metering.usage import Use

PARTY = "lab"


def opened(home: str) -> Workspace:
    return Workspace(Configuration.load({"home": home, "party": PARTY}, {}))


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def count_for_ever(meter: Meter, grant: str, first: int, choose: random.Random) -> None:
    """Count in every way there is, some uses a second time."""
    counter = meter.counter(grant, "inferences", block=20)
    taken, number = 0, first
    while True:
        number += 1
        way = choose.randrange(10)
        try:
            if way < 5:
                units, key = choose.randint(1, 3), f"use-{number}"
                for _ in range(choose.choice((1, 1, 2))):
                    meter.use(grant, "inferences", units, key=key)
                say(f"use {key} {units}")
            elif way == 5:
                keys = [f"batch-{number}-{each}" for each in range(10)]
                uses = [Use(subject=grant, name="inferences", units=1, key=key) for key in keys]
                meter.use_all(uses)
                for key in keys:
                    say(f"use {key} 1")
            elif way == 6:
                key, held, actual = f"job-{number}", choose.randint(1, 9), choose.randint(1, 9)
                job = meter.reserve(grant, {"inferences": held}, key=key, lasts=timedelta(hours=1))
                say(f"held {key} {held}")
                if choose.random() < 0.8:
                    job.settle({"inferences": min(held, actual)})
                    say(f"settled {key} {min(held, actual)}")
            else:
                counter.take()
                taken += 1
                say(f"taken {taken}")
        except QuotaExceededError:
            say("left")
            return


def serve(home: str, grant: str) -> None:
    with opened(home) as workspace:
        read_limits(workspace.resources, grant)  # what is read once need not be read by each child
        for line in sys.stdin:
            first, seed = (int(word) for word in line.split())
            child = os.fork()
            if child == 0:
                try:
                    say("open")
                    meter = Meter(workspace.resources, workspace.clock)
                    count_for_ever(meter, grant, first, random.Random(seed))
                except BaseException as error:
                    say(f"failed {error!r}")
                finally:
                    os._exit(1)
            say(f"pid {child}")
            _, status = os.waitpid(child, 0)
            say(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    serve(*sys.argv[1:3])

"""Kill all: while orders come in, random processes of ours are killed one after the other, each at least once."""

import time

from ultramarket.chaos import faults
from ultramarket.chaos.comparison import unfinished_sagas
from ultramarket.chaos.load import Load
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, wait_until
from ultramarket.verify.stores import open_stores

KILL_SECONDS = 1.0
"""Pause between two kills; longer while `MOST_DOWN` processes are starting again."""
MOST_DOWN = 3
AT_ONCE = 12
SAGA_SECONDS = 60.0


def carry_out(run: Run) -> None:
    """`run.buyers` orders. None is lost, none doubled, and all sagas have ended 60 s after the last kill."""
    stock = run.buyers + 100
    [sku] = new_products(run, [stock])
    processes = faults.service_processes(run)
    kills = dict.fromkeys(processes, 0)
    load = Load(run, sku, AT_ONCE, limit=run.buyers)
    load.start()
    last_kill = run.now
    while load.is_running:
        time.sleep(KILL_SECONDS)
        if not load.is_running:
            break
        down = [process for process in processes if not faults.is_ready(run, process)]
        process = None if len(down) >= MOST_DOWN else _next_process(run, kills, down)
        if process is not None and faults.kill(run, process):
            kills[process] += 1
            last_kill = run.now
            with run.fault(f"kill {process}"):
                pass
    load.stop()
    run.findings |= {"orders": run.buyers, "kills": sum(kills.values()), "processes": len(processes)}
    run.findings |= {"kills of each": min(kills.values())}
    never = [process for process, count in kills.items() if count == 0]
    run.expect(not never, f"never killed while orders came in: {', '.join(never)}")
    _wait_for_sagas(run, last_kill)
    run.findings["seconds until all processes were healthy"] = round(faults.wait_until_healthy(run), 1)
    sold = sum(outcome.kind == "confirmed" for outcome in run.outcomes)
    run.expect(sold == run.buyers, f"{sold} of {run.buyers} buyers got their order, though there was stock for all")
    level = level_of(run, sku)
    run.expect(level == (stock - sold, 0, stock - sold), f"stock is {level}, {sold} of {stock} were sold")


def _next_process(run: Run, kills: dict[str, int], down: list[str]) -> str | None:
    """A random one of the running ones that were killed least often, so that each has its turn."""
    running = {process: count for process, count in kills.items() if process not in down}
    fewest = min(running.values(), default=0)
    return run.rng.choice([process for process, count in running.items() if count == fewest]) if running else None


def _wait_for_sagas(run: Run, last_kill: float) -> None:
    with open_stores(run.instance.url) as stores:
        ended = wait_until(lambda: unfinished_sagas(stores) == 0, SAGA_SECONDS - (run.now - last_kill), 1.0)
        run.findings["seconds from the last kill to the last saga's end"] = round(run.now - last_kill, 1)
        run.expect(ended, f"{unfinished_sagas(stores)} sagas have not ended {SAGA_SECONDS:.0f} s after the last kill")

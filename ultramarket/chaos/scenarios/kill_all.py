"""Kill all: while orders come in, a random process of ours is killed every second, each of them at least once."""

import time

from ultramarket.chaos import faults
from ultramarket.chaos.comparison import unfinished_sagas
from ultramarket.chaos.load import Load
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, wait_until
from ultramarket.verify.stores import open_stores

KILL_SECONDS = 1.0
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
        process = _next_process(run, kills)
        if faults.kill(run, process):
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


def _next_process(run: Run, kills: dict[str, int]) -> str:
    """A random one of those that were killed least often, so that each has its turn."""
    fewest = min(kills.values())
    return run.rng.choice([process for process, count in kills.items() if count == fewest])


def _wait_for_sagas(run: Run, last_kill: float) -> None:
    with open_stores(run.instance.url) as stores:
        ended = wait_until(lambda: unfinished_sagas(stores) == 0, SAGA_SECONDS - (run.now - last_kill), 1.0)
        run.findings["seconds from the last kill to the last saga's end"] = round(run.now - last_kill, 1)
        run.expect(ended, f"{unfinished_sagas(stores)} sagas have not ended {SAGA_SECONDS:.0f} s after the last kill")

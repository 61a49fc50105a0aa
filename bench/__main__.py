"""`python -m bench`: measure a running instance, compare results, profile a work."""

import argparse
import importlib
import signal
import sys

COMMANDS = {
    "run": "measure an instance, print a table, keep the figures in bench/results/ (the default)",
    "compare": "print what got slower or faster between two results; exit with 1 above a limit",
    "check": "measure for a minute; exit with 1 when something costs more CPU than the reference allows",
    "reference": "measure for some minutes, and write the reference of `check`",
    "profile": "drive one work; print where its CPU goes, and the commands and messages that it makes",
}
MODULES = {
    "run": "bench.running",
    "compare": "bench.comparing",
    "check": "bench.checking",
    "reference": "bench.reference",
    "profile": "bench.profiling.command",
}


def main(arguments: list[str]) -> int:
    """Run the command that is named first; `run` when the first argument is an option."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["run", *arguments]
    listed = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"commands:\n{listed}\n\n`python -m bench COMMAND --help` lists a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    command = parser.parse_args(arguments[:1]).command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing behind then either
    module = importlib.import_module(MODULES[command])
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""`python -m bench`: measure a running instance, compare results, profile a work."""

import argparse
import sys

COMMANDS = {
    "run": "measure an instance, print a table, keep the figures in bench/results/ (the default)",
    "profile": "drive one work; print where its CPU goes, and the commands and messages that it makes",
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
    if command == "profile":
        from bench.profiling.command import main as run
    else:
        from bench.running import main as run
    return run(arguments[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

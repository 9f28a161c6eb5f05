"""The options of scripts/bench.sh. As a program it checks them, and says in words what they take: options.py [OPTION]..."""

import dataclasses
import re
import sys

from contestants import all_contestants
from measures import MEASURES

USAGE_STATUS = 64


class BadOption(Exception):
    pass


@dataclasses.dataclass
class Options:
    peers: bool = False
    quick: bool = False
    keep: bool = False
    redraw: bool = False
    table: bool = False
    rounds: int = 5
    json: str = ""
    only: tuple = ()
    measure: tuple = ()

    def wants(self):
        """What has to be there: the rivals, a build to measure, gnuplot to draw with."""
        measures = not self.redraw and not self.table
        return [word for word, wanted in (("peers", self.peers), ("measure", measures),
                                          ("draw", self.redraw or self.keep)) if wanted]


KNOWN = tuple(field.name for field in dataclasses.fields(Options))


def names_of(option, value, known):
    names = tuple(value.split(","))
    for name in names:
        if name not in known:
            raise BadOption(f"{option}: '{name}' is not one of: {', '.join(known)}")
    return names


def checked(option, value):
    if option == "rounds":
        if not re.fullmatch(r"[1-9][0-9]?", value):
            raise BadOption(f"--rounds: '{value}' is not a number from 1 to 99")
        return int(value)
    if option == "only":
        return names_of("--only", value, [contestant.name for contestant in all_contestants()])
    if option == "measure":
        return names_of("--measure", value, MEASURES)
    if not value:
        raise BadOption(f"--{option} needs a value")
    return value


def parse(arguments):
    options = Options()
    words = iter(arguments)
    for word in words:
        name, is_with_value, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in KNOWN:
            raise BadOption(f"'{word}' is not an option (-h shows them)")
        if isinstance(getattr(options, name), bool):
            if is_with_value:
                raise BadOption(f"--{name} takes no value")
            setattr(options, name, True)
            continue
        value = value if is_with_value else next(words, None)
        if value is None:
            raise BadOption(f"--{name} needs a value")
        setattr(options, name, checked(name, value))
    check_together(options)
    return options


def check_together(options):
    alone = options.redraw or options.table
    if alone and options != Options(redraw=options.redraw, table=options.table):
        raise BadOption("--redraw and --table measure nothing, and go with no other option")
    if options.redraw and options.table:
        raise BadOption("--redraw and --table do not go together")
    if options.keep and (options.quick or options.only or options.measure):
        raise BadOption("--keep keeps a whole run, and goes with none of --quick, --only and --measure")
    if options.quick:
        options.rounds = 1


if __name__ == "__main__":
    try:
        print(*parse(sys.argv[1:]).wants())
    except BadOption as error:
        print(f"scripts/bench.sh: {error}", file=sys.stderr)
        sys.exit(USAGE_STATUS)

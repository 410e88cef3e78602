"""The command line: ``connectograph COMMAND ...``; every command is a call of a public function.

Exit codes: 0 done; 1 done, but below ``--fail-under`` (or ``verify`` found a difference); 2 the input or the call is
wrong; 3 interrupted; 4 a fault of connectograph.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from connectograph._program import begin_program
from connectograph.cli.parser import build_parser
from connectograph.errors import BlockFailed, InputError, RunStopped

__all__ = ["main", "run"]


def run() -> NoReturn:
    """The program: run one command and end the process.

    At the end it does not take millions of objects apart only to give their memory back: all is written by then.
    """
    begin_program()
    code = main()
    with suppress(BrokenPipeError):  # whoever read our output has gone
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["--version"])
    connectograph ...
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without × is no reason to stop
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as stop:  # argparse has printed help, version or what is wrong with the call
        return int(stop.code or 0)
    options.command_line = ["connectograph", *arguments]
    try:
        return int(options.run(options))
    except InputError as error:
        return _fail(str(error), 2)
    except MemoryError:
        return _fail("There is not enough memory for this. Crop the volumes, or use fewer --workers.", 2)
    except (RunStopped, BlockFailed) as error:
        return _fail(str(error), 3)
    except KeyboardInterrupt:
        return _fail("Interrupted; the run was not finished.", 3)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone: nothing is left to say
        return 0
    except Exception:
        import traceback

        traceback.print_exc()
        return _fail("This is a fault of connectograph, not of your input: please report it with the lines above.", 4)


def _fail(message: str, code: int) -> int:
    print(f"connectograph: {message}", file=sys.stderr)
    return code

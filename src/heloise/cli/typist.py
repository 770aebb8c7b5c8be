"""Lines from somebody at a terminal, with history and completion by readline where Python has it."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Complete = Callable[[str], Sequence[str]]
PROMPT = "C: "
_KEPT = 1000  # lines


class Typist:
    """Asks for lines. `complete` gives whole lines that begin with what was typed."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete
        self._found: Sequence[str] = ()
        self._prompt = PROMPT
        try:
            import readline
        except ImportError:  # then without
            return
        self._history = _history()
        with suppress(OSError):
            readline.read_history_file(self._history)
        readline.set_history_length(_KEPT)
        readline.set_completer(self._candidate)
        readline.set_completer_delims("")
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        self._prompt = "\x01\x1b[36m\x02C:\x01\x1b[0m\x02 "

    def line(self) -> str | None:
        """The next one; None at the end (Ctrl-D). Ctrl-C begins the line anew."""
        while True:
            try:
                line = input(self._prompt)
            except KeyboardInterrupt:
                print()
                continue
            except EOFError:
                print()
                return None
            self._keep(line)
            return line

    def _keep(self, line: str) -> None:
        """A password is not for the history."""
        with suppress(ImportError, AttributeError, OSError):
            import readline

            length = readline.get_current_history_length()
            if line.upper().startswith("AUTH ") and length:
                readline.remove_history_item(length - 1)
            self._history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(self._history)

    def _candidate(self, typed: str, number: int) -> str | None:
        if number == 0:
            self._found = self._complete(typed)
        return self._found[number] if number < len(self._found) else None


def _history() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "heloise" / "lab.history"

"""Reading the message of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import InputError
from trainer.tables import read_table


def message_of(error: type[Exception], call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the message with which a call is refused: one line."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def refusal_of(path: Path, *args: Any, read: Callable[..., Any] = read_table, **kwargs: Any) -> str:
    """Return with which message a table is refused: one line that begins with the file, which is left out."""
    message = message_of(InputError, read, path, *args, **kwargs)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")

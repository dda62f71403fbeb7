"""Reading the message of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def message_of(error: type[Exception], call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the message with which a call is refused: one line."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message

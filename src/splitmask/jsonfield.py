"""JSON that is checked while it is read, so that an error can say where in the file it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from splitmask.errors import ResultError


@dataclass(frozen=True, slots=True)
class Field:
    """A JSON value and its path in the file, e.g. `frames[3].objects[0].rle`.

    Each reader gives the value as its type, or raises ResultError with the path, what was expected
    and what was found.
    """

    value: Any
    path: str

    def fail(self, expected: str) -> ResultError:
        found = json.dumps(self.value)[:40] if not isinstance(self.value, dict | list) else self.kind()
        return ResultError(f"{self.path or 'the file'}: expected {expected}, found {found}")

    def kind(self) -> str:
        return "an object" if isinstance(self.value, dict) else "a list"

    def __getitem__(self, name: str) -> Field:
        if not isinstance(self.value, dict):
            raise self.fail("an object")
        path = f"{self.path}.{name}" if self.path else name
        if name not in self.value:
            raise ResultError(f"{path}: missing")
        return Field(self.value[name], path)

    def get(self, name: str, default: Any) -> Field:
        if isinstance(self.value, dict) and name not in self.value:
            return Field(default, f"{self.path}.{name}")
        return self[name]

    def items(self, length: int | None = None) -> list[Field]:
        if not isinstance(self.value, list) or (length is not None and len(self.value) != length):
            raise self.fail("a list" if length is None else f"a list of {length}")
        return [Field(item, f"{self.path}[{at}]") for at, item in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail("a text")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fail("true or false")
        return self.value

    def integer(self, minimum: int = 0) -> int:
        if type(self.value) is not int or self.value < minimum:
            raise self.fail(f"an integer, {minimum} or more")
        return self.value

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.fail("a number")
        if not -1e300 < self.value < 1e300:  # also false for NaN, and safe for any integer
            raise self.fail("a finite number")
        return float(self.value)

"""The one error of this floor: a code that breaks a rule of its profile."""

from __future__ import annotations

__all__ = ["CodeError"]


class CodeError(ValueError):
    """A code breaks a rule of its profile.

    Attributes:
        rule: stable identifier of the broken rule, e.g. ``code_length``.
        part: name of the wrong part, or ``None`` when the code as a whole is wrong.
        value: the offending text.
        zh, en: one sentence each for people.
    """

    def __init__(self, rule: str, value: str, zh: str, en: str, part: str | None = None) -> None:
        super().__init__(en)
        self.rule = rule
        self.value = value
        self.part = part
        self.zh = zh
        self.en = en

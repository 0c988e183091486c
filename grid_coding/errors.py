"""Errors that people read: one sentence in Chinese, one in English, and beside them what is wrong."""

from __future__ import annotations

__all__ = ["BilingualError", "CodeError"]


class BilingualError(Exception):
    """Base of every error that the house foresees.

    Attributes:
        zh, en: one sentence each for people.
    """

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


class CodeError(BilingualError):
    """A code breaks a rule of its profile.

    Attributes:
        rule: stable identifier of the broken rule, e.g. ``code_length``.
        part: name of the wrong part, or ``None`` when the code as a whole is wrong.
        value: the offending text.
    """

    def __init__(self, rule: str, value: str, zh: str, en: str, part: str | None = None) -> None:
        super().__init__(zh, en)
        self.rule = rule
        self.value = value
        self.part = part

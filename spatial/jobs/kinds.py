"""What kinds of work there are: declared as data, registered by whoever puts the house together. A new kind is one declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spatial.jobs.context import JobContext

__all__ = ["Kind", "Kinds", "Outcome", "Title"]


@dataclass(frozen=True, slots=True)
class Title:
    """A name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job that came to its end has to say.

    Attributes:
        result: the few facts that a list shows; JSON.
        report: the whole as a JSON document, to be downloaded.
        failed: the work was done, but what was asked for could not be.
        message: one sentence for people.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    report: str | None = None
    failed: bool = False
    message: Title | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of long work.

    Attributes:
        queue: jobs of one queue share its workers.
        action: what the actor must be allowed to do when the job begins, e.g. ``import``.
        run: does the work in a process of its own; gets the context and the parameters exactly as they were given.
        stages: title of every stage that ``run`` tells of.
        most_running: jobs of this kind that run at the same time, over all workers.
        most_per_actor: unfinished jobs of this kind that one account may have.
        timeout: seconds after which the process is ended.
        resumable: may begin again from the start after its worker died, as long as it has written nothing.
        most_attempts: beginnings in all, where resumable.
        clean: takes away what the job was given (an uploaded file); called when the job has ended, however it ended.
        sweep: takes away what no job was made of; gets the parameters of the unfinished ones.
    """

    id: str
    title: Title
    queue: str
    action: str
    run: Callable[[JobContext, Mapping[str, Any]], Outcome]
    stages: Mapping[str, Title] = field(default_factory=dict)
    most_running: int = 1
    most_per_actor: int = 5
    timeout: float = 3600
    resumable: bool = False
    most_attempts: int = 2
    clean: Callable[[Mapping[str, Any]], None] | None = None
    sweep: Callable[[Sequence[Mapping[str, Any]]], None] | None = None


class Kinds:
    """The kinds of a house, by id."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        """Takes the kinds.

        >>> Kinds([]).get("import") is None
        True
        """
        self._kinds = {kind.id: kind for kind in kinds}

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def get(self, name: str) -> Kind | None:
        """Returns a kind, or None where there is none of that name (a job of an earlier version)."""
        return self._kinds.get(name)

    def all(self) -> list[Kind]:
        """Returns all kinds."""
        return list(self._kinds.values())

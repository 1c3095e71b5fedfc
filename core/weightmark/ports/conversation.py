"""How an adapter speaks to a platform's library: calls are marked, and what fails is told in our words."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from weightmark.errors import WeightmarkError


class Conversation:
    """The calls that Weightmark itself makes to one platform, in this thread or task.

    A hook in the same process asks for them, and lets them pass.

    Args:
        platform: the platform's name.
    """

    def __init__(self, platform: str) -> None:
        self._ours: ContextVar[bool] = ContextVar(f"weightmark-speaks-to-{platform}", default=False)

    def is_ours(self) -> bool:
        """Say whether the call that is being made is our own."""
        return self._ours.get()

    @contextmanager
    def marked(self) -> Generator[None, None, None]:
        """Mark the calls inside as our own."""
        token = self._ours.set(True)
        try:
            yield
        finally:
            self._ours.reset(token)


@contextmanager
def in_our_words(explain: Callable[[Exception], WeightmarkError]) -> Generator[None, None, None]:
    """Turn what a library raises inside into our own errors; those that are ours pass as they are.

    Args:
        explain: makes our error of the library's, which becomes its cause.

    Raises:
        WeightmarkError: what was explained.
    """
    try:
        yield
    except WeightmarkError:
        raise
    except Exception as error:
        raise explain(error) from error


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what stood behind it, each once; libraries wrap what their own libraries raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__

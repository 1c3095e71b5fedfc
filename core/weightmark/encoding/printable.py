"""Text of strangers, made safe to show: what does not print is written as its escape.

Not promised: that two texts which look alike are alike.
"""


def printable(text: str) -> str:
    r"""Escape what does not print: controls, line ends, marks that turn the direction, halves of characters.

    Args:
        text: any text, such as the name of a tensor.

    Raises:
        Nothing.

    >>> printable("a\x1b[2K")
    'a\\x1b[2K'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

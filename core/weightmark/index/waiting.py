"""What a grant waits for, in words."""


def describe_wait(parties: tuple[str, ...], count: int, approvers: tuple[str, ...]) -> str:
    """Say for whose consent something waits.

    Args:
        parties: who must consent.
        count: of how many approvers it needs the consent.
        approvers: who may give it.

    Returns:
        It, to follow "waits"; empty when it waits for nobody.

    Raises:
        Nothing.

    >>> describe_wait((), 1, ("bob", "carol"))
    'for 1 of 2 approvers: bob, carol'
    """
    parts = [f"for {' and '.join(parties)}"] if parties else []
    if count:
        many = f"{count} of {len(approvers)} approvers" if len(approvers) > 1 else "the approver"
        parts.append(f"for {many}: {', '.join(approvers)}")
    return ", and ".join(parts)

"""What docs/reference/schema promises of the answers of commands."""

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parents[1] / "docs/reference/schema"


def holds(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Hold an answer against the schema of its command, which names every member; give it back."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator
    checker.check_schema(schema)
    checker(schema, format_checker=checker.FORMAT_CHECKER).validate(answer)
    unknown = answer.keys() - schema["properties"].keys()
    assert not unknown, f"{name} answers {unknown}, which the schema does not name"
    return answer

from weightmark.testing.policy_engine import PolicyEngineSuite
from weightmark.workspace.policing.policy_file import TomlEngine


class TestToml(PolicyEngineSuite):
    engine = TomlEngine

    def policy(self) -> bytes:
        return b"""
[[rule]]
id = "no-nc"
when = ["production"]
require = ["commercial-use-permitted"]
because = "We sell what we run."
ask = "legal@acme.example"
"""

"""Write `lock.py` anew: `python -m compose.runner.relock [KAFKA_VERSION]` (needs the network, about a minute)."""

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from compose.runner.lock import KAFKA_VERSION

HEAD = '''"""The jars of Kafka's run-time class path, written by `python -m compose.runner.relock`: do not edit."""

from compose.runner.jar import Jar

KAFKA_VERSION = "{version}"

JARS: tuple[Jar, ...] = (
'''


def resolve(version: str, repository: Path) -> list[Artifact]:
    """Return Kafka's run-time artifacts, and the binding of its logging facade to the log4j that comes with it."""
    context = MavenContext(repo_cache=repository, timeout=60)
    inputs, transitive = context.resolver.resolve([context.create_dependency(f"org.apache.kafka:kafka_2.13:{version}")])
    artifacts = [one.artifact for one in (*inputs, *transitive)]
    log4j = next(one.version for one in artifacts if one.artifactId == "log4j-core")
    # Resolved apart: named together, its bill of materials would override the versions that Kafka asks for.
    binding = context.create_dependency(f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j}").artifact
    return [*artifacts, binding]


def render(version: str, artifacts: Iterable[Artifact]) -> str:
    """Return the text of `lock.py`."""
    rows = []
    for one in artifacts:
        content = one.resolve().read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        coordinate = f"{one.groupId}:{one.artifactId}:{one.version}"
        rows.append(f'    Jar(\n        "{coordinate}",\n        {len(content)},\n        "{digest}",\n    ),\n')
    return HEAD.format(version=version) + "".join(rows) + ")\n"


def main(argv: list[str]) -> int:
    """Resolve, fetch, and write the lock beside this file."""
    version = argv[0] if argv else KAFKA_VERSION
    with tempfile.TemporaryDirectory() as folder:
        text = render(version, resolve(version, Path(folder)))
    Path(__file__).with_name("lock.py").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What `kubectl kustomize k8s` makes of the folder, as far as ours uses it: resources, components, merging patches."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.config import load
from schemas.settings import Config

K8S = Path(__file__).parents[2] / "k8s"
Manifest = Mapping[str, Any]
CHANNELS = tuple(sorted(path.name for path in (K8S / "channels").iterdir()))
"""The channels that a deployment may add to the ones it has."""
SELECTIONS: Sequence[tuple[str, ...]] = ((), *((name,) for name in CHANNELS), CHANNELS)
"""The deployments that are checked: as it stands, with each channel alone, with all of them."""
KEYS = {"containers": "name", "env": "name", "volumeMounts": "mountPath", "volumes": "name"}
"""By what Kubernetes tells a list's parts apart when a patch is merged; any other list is replaced."""


def build(added: Sequence[str]) -> list[Manifest]:
    """Return every manifest of the deployment with these channels added."""
    found = [*resources(K8S)]
    for name in added:
        folder = K8S / "channels" / name
        found = patched([*found, *resources(folder)], folder)
    return found


def patched(found: Sequence[Manifest], folder: Path) -> list[Manifest]:
    """Return a deployment with a component's patches."""
    made = [*found]
    for patch in patches(folder):
        _patch(made, patch)
    return made


def _patch(found: list[Manifest], patch: Manifest) -> None:
    (place,) = [n for n, one in enumerate(found) if identity(one) == identity(patch)]
    found[place] = merged(found[place], patch)


def kustomization(folder: Path) -> Manifest:
    """Return what a folder says of itself."""
    (found,) = _documents(folder / "kustomization.yaml")
    return found


def with_slack(found: Sequence[Manifest], patch: str = "") -> list[Manifest]:
    """Return a deployment to which the component `slack` is added last, with its own patch or the file of that name."""
    folder = K8S / "slack"
    (chosen,) = kustomization(folder)["patches"]
    (part,) = _documents(folder / (patch or chosen["path"]))
    label, _, value = chosen["target"]["labelSelector"].partition("=")
    return [
        merged(one, {"spec": part["spec"]})
        if one["kind"] == chosen["target"]["kind"] and one["metadata"]["labels"].get(label) == value
        else one
        for one in (*found, *resources(folder))
    ]


def resources(folder: Path) -> Iterator[Manifest]:
    """Yield the manifests that a folder's kustomization names."""
    for name in kustomization(folder).get("resources", []):
        path = folder / name
        yield from resources(path) if path.is_dir() else _documents(path)


def patches(folder: Path) -> Iterator[Manifest]:
    """Yield the patches that a folder's kustomization names."""
    for patch in kustomization(folder).get("patches", []):
        yield from _documents(folder / patch["path"])


@cache
def _documents(path: Path) -> tuple[Manifest, ...]:
    return tuple(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def identity(one: Manifest) -> tuple[str, str]:
    """Return what no two manifests may share."""
    return one["kind"], one["metadata"]["name"]


def merged(old: Manifest, new: Manifest) -> Manifest:
    """Return a manifest with a patch merged into it."""
    return {**old, **{key: _part(key, old.get(key), value) for key, value in new.items()}}


def _part(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, Mapping):
        return merged(old or {}, new)
    if key not in KEYS:
        return new
    by_name = {one[KEYS[key]]: one for one in old or []}
    for one in new:
        if one.get("$patch") == "delete":
            del by_name[one[KEYS[key]]]
            continue
        by_name[one[KEYS[key]]] = merged(by_name.get(one[KEYS[key]], {}), one)
    return [*by_name.values()]


def text(added: Sequence[str]) -> str:
    """Return the configuration with these channels appended, as their files say."""
    files = [K8S / "base" / "lastunit.toml", *(K8S / "channels" / name / "channel.toml" for name in added)]
    return "".join(path.read_text(encoding="utf-8") for path in files)


def config(added: Sequence[str], folder: Path) -> Config:
    """Return the configuration with these channels, written to a folder and read as the services read it."""
    path = folder / "lastunit.toml"
    path.write_text(text(added), encoding="utf-8")
    return load(path)


def label(added: Sequence[str]) -> str:
    """Return a name for a deployment."""
    return " ".join(("k8s", *added)) if len(added) < len(CHANNELS) else "k8s all"

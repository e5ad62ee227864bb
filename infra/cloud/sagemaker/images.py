"""Container images of this cloud: folders or Python environments, known by a name.

    image of a folder     its `train` and `serve` are executables in it; it is /opt/program inside
    Python environment    has a pyvenv.cfg; its bin is on the PATH
Either without a `train` of its own runs a script: see `toolkit`. Limit: nothing is pulled or built.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from infra.cloud.broker import Folder
from infra.cloud.inside import Inside
from infra.cloud.sagemaker.records import invalid, store

PROGRAM, TOOLKIT = "/opt/program", "/opt/toolkit"
_REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/(.+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]{0,200}(:[\w.-]{1,128})?")
_PULL = "ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"


@dataclass(frozen=True)
class Image:
    """One image: where its files are, and how a program finds them."""

    name: str
    path: str

    @property
    def is_environment(self) -> bool:
        """Whether it is a Python environment."""
        return os.path.exists(f"{self.path}/pyvenv.cfg")

    def folders(self) -> dict[str, Folder]:
        """Return what a program of it sees besides the system."""
        return {PROGRAM: Folder(self.path), TOOLKIT: Folder(str(Path(__file__).parent / "toolkit"))}

    def shown(self) -> list[str]:
        """Return the folders that must be where they are: an environment and its interpreter."""
        if not self.is_environment:
            return []
        text = Path(self.path, "pyvenv.cfg").read_text()
        home = re.search(r"^home\s*=\s*(.+)$", text, re.MULTILINE)
        return [self.path] + ([str(Path(home[1]).parent)] if home else [])

    def path_variable(self, program: str, toolkit: str, system: str) -> str:
        """Return the PATH: the image's own programs first."""
        own = [f"{self.path}/bin"] if self.is_environment else []
        return ":".join([program, f"{program}/bin", *own, system, toolkit])


def check_name(name: str) -> str:
    """Return a good name of an image. ValueError says what is wrong with another one."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for an image: use small letters, digits, - . _ / :")
    return name


def known(inside: Inside) -> dict[str, str]:
    """Return every image of this cloud by name; the desk's are read anew each time."""
    kept = store(inside)
    try:
        written = json.loads(Path(kept.images_file).read_text()) if kept.images_file else {}
    except (OSError, ValueError):
        written = {}
    return {**written, **kept.images}


def find(inside: Inside, uri: str) -> Image | None:
    """Return the image that a URI names; its tag counts where the name was given with one."""
    match = _REGISTRY.fullmatch(uri)
    wanted = match[3] if match else uri
    images = known(inside)
    for name in (uri, wanted, wanted.partition(":")[0], wanted.partition("@")[0]):
        if name in images:
            return Image(name, images[name])
    return None


def for_training(inside: Inside, uri: str, role: str) -> Image:
    """Return the image of a training job, or raise as CreateTrainingJob does."""
    found = find(inside, uri)
    if found is None:
        match = _REGISTRY.fullmatch(uri)
        if match is None:
            raise invalid(f"Cannot find the requested image: {uri}. {_hint(inside)}")
        repository = match[3].partition(":")[0]
        raise invalid(
            f"Cannot find repository: {repository} in registry ID: {match[1]} Please check if your"
            f" ECR repository exists and role {role} has proper pull permissions for SageMaker:"
            f" {_PULL}. {_hint(inside)}"
        )
    return found


def for_model(inside: Inside, uri: str) -> Image:
    """Return the image of a model, or raise as CreateModel does."""
    found = find(inside, uri)
    if found is None:
        raise invalid(f"Requested image {uri} not found. {_hint(inside)}")
    return found


def _hint(inside: Inside) -> str:
    names = ", ".join(sorted(known(inside))) or "none"
    return f"(This cloud's images: {names}. Add one: ./ladder cloud image add NAME FOLDER.)"

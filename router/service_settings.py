"""What a `router.toml` may say of one service: how it is started, which variables name its port, which path it has."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from router.amounts import seconds
from router.naming import PATH_SEGMENT, is_label
from router.ports import BASES, HIGHEST, LOWEST
from router.resource_settings import CommandLine

MOST_SERVICES = 100
LONGEST_PATH = 1024  # characters
LONGEST_NAME = 256  # characters of a variable or a worktree
_MOST_VARIABLES = 20  # of a service
_SHORTEST_START, _LONGEST_START = 1.0, 600.0  # seconds


def _service_name(name: str) -> str:
    if not is_label(name):
        raise ValueError("a service's name has letters a-z, digits and single hyphens only")
    return name


def _url_path(path: str) -> str:
    if not re.fullmatch(rf"(?:/{PATH_SEGMENT})+", path):  # no `..`, and no /.router/
        raise ValueError("a path is like /api/v1: letters, digits and . _ ~ - between slashes, no dot after a slash")
    return path


Port = Annotated[int, Field(strict=True, ge=LOWEST, le=HIGHEST)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
ServiceVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=LONGEST_NAME)]


class Service(BaseModel):
    """A service of every worktree.

    `run` starts its server, together with those of the services that it `needs`; `wake` is whether a visit does
    that, None where `[sleep]` says so for all. A visitor waits for as long as `start_timeout`, in seconds.
    """

    model_config = ConfigDict(extra="forbid")
    run: CommandLine | None = None
    wake: Annotated[bool, Field(strict=True)] | None = None
    needs: Annotated[tuple[ServiceName, ...], Field(max_length=MOST_SERVICES)] = ()
    start_timeout: Annotated[float, BeforeValidator(seconds), Field(ge=_SHORTEST_START, le=_LONGEST_START)] = 60
    env: Annotated[tuple[ServiceVariable, ...], Field(max_length=_MOST_VARIABLES)] | None = None
    path: Annotated[str, Field(max_length=LONGEST_PATH), AfterValidator(_url_path)] | None = None
    strip: bool = False
    ports: Literal["hash", "index", "free"] = "hash"
    base: Port | None = None


def with_bases(services: dict[str, Service]) -> dict[str, Service]:
    """Return the services, if each with a strategy says where its ports begin; ValueError names one that does not."""
    for name, service in services.items():
        if service.ports != "hash" and service.base is None and name not in BASES:
            raise ValueError(f'{name} with ports = "{service.ports}" needs a base, like base = 9000')
    return services


def with_needs(services: dict[str, Service]) -> dict[str, Service]:
    """Return the services, where what each needs can be started; ValueError names one that cannot."""
    for name, service in services.items():
        for needed in service.needs:
            if needed == name or needed not in services or services[needed].run is None:
                raise ValueError(f"{name} needs {needed}, which is not another service with a run")
    return services

"""Docker Compose: starts and stops the container of Caddy that the project's `docker-compose.yml` describes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from router import proc
from router.errors import CaddyError, RouterError
from router.values import dataclass

_TIMEOUT = 120.0  # seconds; the first time the image is pulled


@dataclass(frozen=True, slots=True)
class Compose:
    """The service `caddy` of these Compose files, with `variables` for what they leave open."""

    files: Sequence[Path]
    variables: Mapping[str, str]

    def up(self) -> None:
        """Start it. CaddyError with what Docker said."""
        said = self._run("up", "--detach", "caddy")
        if not self._run("ps", "--quiet", "--status=running", "caddy").out.strip():
            raise _failed("up", said)  # there are builds of Compose that end with 0 all the same

    def stop(self) -> None:
        """Stop it; its configuration stays for the next time. CaddyError with what Docker said."""
        self._run("stop", "caddy")

    def _run(self, verb: str, *arguments: str) -> proc.Completed:
        files = [part for file in self.files for part in ("--file", str(file))]
        env = {**os.environ, **self.variables}
        try:
            answer = proc.run(["docker", "compose", *files, verb, *arguments], env=env, timeout=_TIMEOUT)
        except RouterError as exc:
            raise CaddyError(exc.message, hint=exc.hint) from exc
        if answer.code:
            raise _failed(verb, answer)
        return answer


def _failed(verb: str, answer: proc.Completed) -> CaddyError:
    said = answer.err.splitlines()[-1] if answer.err else f"exit status {answer.code}"
    return CaddyError(f"docker compose {verb}: {said}", hint="fix that, or see `docker compose logs caddy`")

"""Host labels and host names, as `contract/naming.json` has them."""

import functools
import re
import unicodedata
from collections.abc import Iterable

from router.values import dataclass, replace

MAX_LABEL = 63  # RFC 1035 section 2.3.4
PATH_SEGMENT = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"  # of a URL's path: never empty, never `.` or `..`
EXPECT = "ROUTER_EXPECT"
RESOLVE = "ROUTER_RESOLVE"
"""The variable in which `router run` gives a command the label that it should find in the header `X-Worktree`."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_MASK = 0xFFFFFFFFFFFFFFFF
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@functools.lru_cache(maxsize=8192)  # every pass asks again for every branch and directory
def label(text: str) -> str:
    """Return the host label of a branch or directory name; always a valid one, never containing `--`."""
    plain = _plain(text) or f"wt-{hash3(text)}"
    if plain.startswith("xn-"):
        plain = f"wt-{plain}"
    return plain if len(plain) <= MAX_LABEL else suffixed(plain, hash3(text))


def names_nothing(text: str) -> bool:
    """Tell whether text has nothing in it that a label can be made of."""
    return not _plain(text)


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")


def suffixed(base: str, suffix: str) -> str:
    """Return `base-suffix`, with `base` cut so that the whole is a label."""
    return f"{base[: MAX_LABEL - 1 - len(suffix)].rstrip('-')}-{suffix}"


def is_label(text: str) -> bool:
    """Tell whether text is a label as the contract defines it."""
    return len(text) <= MAX_LABEL and "--" not in text and _LABEL.fullmatch(text) is not None


def check_callback_path(text: str) -> str:
    """Return a callback path as settings give it: exact, or ending in `/*`. ValueError for anything else."""
    if not re.fullmatch(rf"(?:/{PATH_SEGMENT})+(?:/\*?)?", text) or f"{text}/".startswith("/.router/"):
        raise ValueError(
            f"the callback path {text!r} cannot be used: "
            "write it like /auth/callback or /api/auth/callback/*, with letters, digits and ._~- between the slashes"
        )
    return text


def hash3(text: str) -> str:
    """Return Worktrunk's three-character hash of text, least significant digit first."""
    h = siphash13(text)
    return _DIGITS[h % 36] + _DIGITS[h // 36 % 36] + _DIGITS[h // 1296 % 36]


def hash6(text: str) -> str:
    """Return six characters that tell text from any other, in the same way as `hash3`."""
    h = siphash13(text)
    return "".join(_DIGITS[h // 36**place % 36] for place in range(6))


def origin(host: str, port: int) -> str:
    """Return `http://host:port`, without the port where it is HTTP's own."""
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class HostForm:
    """One form of the host of a service; `{name}` stands for the label or alias of the worktree.

    `tag` is what a tag calls that very host. `pattern` is the regular expression of the hosts of this form, Go's and
    Python's, and its group 1 is the name; None for `web`, whose hosts are all those of no other form.
    """

    service: str
    host: str
    tag: str
    pattern: str | None = None

    def host_of(self, name: str) -> str:
        """Return the host of this form."""
        return self.host.format(name=name)

    def tag_of(self, name: str) -> str:
        """Return what a tag calls the host of this form."""
        return self.tag.format(name=name)


def resolving(port: int) -> str:
    """Return where the router's hosts are, as curl's `--resolve` reads it."""
    return f"*:{port}:127.0.0.1"


def host_forms(service: str) -> tuple[HostForm, ...]:
    """Return every form of a service's host, its own first.

    `web` has the worktree's host, which a tag may also call by the service; any other service has one on the same site
    as the page, so that cookies are shared, and one of a single label, which may have other names (tenants) in front.
    """
    if service == "web":
        own = HostForm("web", "{name}.localhost", "{name}")
        return (own, replace(own, tag="{name}--web"))
    return (
        HostForm(service, f"{service}.{{name}}.localhost", f"{{name}}--{service}",
                 rf"^{service}\.([a-z0-9-]+)\.localhost$"),
        HostForm(service, f"{{name}}--{service}.localhost", f"{{name}}---{service}",
                 rf"^(?:.*\.)?([a-z0-9-]+)--{service}\.localhost$"),
    )  # fmt: skip


def service_host(name: str, service: str) -> str:
    """Return the host of a worktree's service; `web` has the worktree's own."""
    return host_forms(service)[0].host_of(name)


def read_host(host: str, services: Iterable[str]) -> tuple[str, str]:
    """Return the name and the service that a host below `localhost` asks for."""
    for service in sorted(set(services) - {"web"}):
        for form in host_forms(service):
            if form.pattern and (match := re.match(form.pattern, host)):
                return match[1], service
    return host.split(".")[-2], "web"


def siphash13(text: str) -> int:
    """Return SipHash-1-3 with a zero key over the bytes of text and one 0xff, as Rust hashes a `str`.

    Text that git gave in another encoding hashes over the bytes git gave.
    """
    data = text.encode("utf-8", "surrogateescape") + b"\xff"
    v0, v1, v2, v3 = 0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573
    whole = len(data) - len(data) % 8
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3 ^ word)
        v0 ^= word
    v2 ^= 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def _sip_round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK

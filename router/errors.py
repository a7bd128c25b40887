"""The one family of expected errors; `cli` turns them into a message, a hint and an exit code."""


class RouterError(Exception):
    """Something a user can act on.

    `message` says what failed and with which value, `hint` what to do next. `exit_code` follows the
    command's contract: 1 for an expected failure, 2 for wrong usage. `kind` is that of the problem which the
    error is, where it is one of the status document.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind

    @property
    def code(self) -> str:
        """What programs tell errors apart by: the problem's kind, else the error's own name, as `unknown-name`."""
        return self.kind or code_of(type(self))


def code_of(error: type[RouterError]) -> str:
    """Return the name of a kind of error as programs read it, `failed` for those that have no name of their own."""
    if error is RouterError:
        return "failed"
    name = error.__name__.removesuffix("Error")
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in name).removeprefix("-")


class SlowProgramError(RouterError):
    """A program did not answer, or did not end, in time."""


class UsageError(RouterError):
    """An argument or option that cannot be understood."""

    exit_code = 2


class HiddenError(UsageError):
    """A worktree that `router.toml` hides has neither a route nor values of its own."""


class SettingsError(RouterError):
    """A setting of the machine or of a repository has a value that cannot be used."""


class GitError(RouterError):
    """Git is missing, too old, or refused to answer."""


class SlowGitError(GitError):
    """Git did not answer within the time and the memory that it has."""


class UnknownFormatError(GitError):
    """A repository's format is newer than git."""


class UnsavedWorkError(RouterError):
    """Work that is nowhere else would be lost."""


class NotARepositoryError(GitError):
    """A path that is not inside a git repository."""


class StoreError(RouterError):
    """The state directory cannot be read, written or trusted."""


class NotAllowedError(RouterError):
    """What a repository asks for was not allowed by the user, or not as it is now."""


class NoStartCommandError(RouterError):
    """Nothing says how a server is started."""


class FileError(RouterError):
    """A file cannot be read or written, or is not what it should be; `reason` says why, without its name."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason or message


class BlockError(RouterError):
    """A file's block of the router's own is torn."""


class HostsError(RouterError):
    """The system's file of host names cannot be read or changed."""


class TemplateValueError(RouterError):
    """A template of a value cannot be filled in; `line` is its line that says why, counted from 1."""

    def __init__(self, message: str, *, line: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line


class EnvironmentValueError(RouterError):
    """A value cannot be written so that every reader of the format understands it alike."""


class CommandError(RouterError):
    """A command cannot be run; the exit code is the shells': 127 where there is none, 126 where it is none."""

    def __init__(self, message: str, *, hint: str, found: bool) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 126 if found else 127


class LeakError(RouterError):
    """The environment has values that are another worktree's."""


class PortTakenError(RouterError):
    """Another process listens where Caddy should."""


class CaddyError(RouterError):
    """Caddy could not be started, reached or asked."""


class LoadRefusedError(CaddyError):
    """Caddy answered a configuration with an error; the old one goes on serving."""


class ForeignCaddyError(CaddyError):
    """Caddy serves what the router did not put there; it is left as it is."""


class AlreadyRunningError(RouterError):
    """A watcher runs with another port, mode or version than asked for."""


class LostRaceError(AlreadyRunningError):
    """Another watcher took the state directory first; it can be joined."""


class WatcherEndedError(RouterError):
    """The watcher that was asked has ended meanwhile."""


class UnknownNameError(RouterError):
    """A worktree or service that the route table does not have."""


class NobodyKnowsError(RouterError):
    """A port, process, path or container is of no worktree, or of one that cannot be seen."""


class OtherWorktreeError(RouterError):
    """A command inside a worktree would act on another one."""


class ConnectionUrlError(RouterError):
    """A URL does not say how a database, queue or cache is reached."""

"""The databases, queues and caches of a new worktree: a hook waits for them, and says what it waits for."""

from collections.abc import Callable

from router.data.making import Failure
from router.env.current import current_worktree
from router.repository_settings import load_repository_settings
from router.settings import Settings
from router.store import Store
from router.trust.resources import Provider
from router.worktrees.git_commands import Checkout


def provide(checkout: Checkout, settings: Settings, store: Store, *, say: Callable[[str], None]) -> None:
    """Make what a worktree is to have of its own. What cannot be made is said and no error: the worktree is of use."""
    names = load_repository_settings(checkout.main).resources
    if not names:
        return
    say(f"making {', '.join(names)}")
    current = current_worktree(settings, store, cwd=checkout.root)
    provider = Provider(settings, store)
    before = provider.servers()
    for each in provider.provide(current.repository, current.worktree, current.memory):
        if isinstance(each.result, Failure):
            say(f"{each.resource} is not made, {each.result.cause}: {each.result.message}; {each.result.hint}")
        else:
            say(f"{each.resource} is ready: {each.name}")
    for server in provider.servers():
        if server not in before:
            say(f"started {server}; `router down` ends it")

"""What is shown of sleep: which worktrees sleep or are pinned, and by what the others were last used."""

from collections.abc import Iterable, Mapping

from router.model import Problem, SleepRules, WorktreeId
from router.route_table import Route, RouteTable
from router.sleep import kept
from router.sleep.activity import Activity
from router.sleep.kept import Note
from router.sleep_state import Asleep, LastUse, SleepState
from router.status import ServerState
from router.store import Store
from router.text import utc
from router.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """What the last look found: the rules of each worktree that may sleep, its last use, and why it does not sleep."""

    rules: Mapping[WorktreeId, SleepRules] = field(default_factory=dict)
    last: Mapping[WorktreeId, Activity] = field(default_factory=dict)
    problems: Mapping[WorktreeId, Problem] = field(default_factory=dict)


def states(table: RouteTable, store: Store, known: Known) -> Mapping[WorktreeId, SleepState]:
    """Return it by worktree, for those of which there is something to say. Raises nothing."""
    notes = {each.worktree: each for each in kept.notes(store)}
    pinned = kept.pinned(store)
    if not (notes or pinned or known.rules or known.problems):
        return {}
    found = ((route, _state(route, known, notes.get(route.worktree.id), pinned)) for route in table.routes)
    return {route.worktree.id: state for route, state in found if state != SleepState()}


def asleep(
    servers: Mapping[WorktreeId, tuple[ServerState, ...]], sleep: Mapping[WorktreeId, SleepState]
) -> Mapping[WorktreeId, tuple[ServerState, ...]]:
    """Return the states of servers with those that sleep; one that was begun since, or failed, has its own."""
    return {key: tuple(_with_asleep(servers.get(key, ()), sleep.get(key))) for key in servers.keys() | sleep.keys()}


def _with_asleep(servers: Iterable[ServerState], state: SleepState | None) -> Iterable[ServerState]:
    states = {each.service: each for each in servers}
    if state and state.asleep:
        for service in state.asleep.services:
            if service not in states or states[service].state == "down":
                states[service] = ServerState(service, "asleep", state.asleep.since)
    return states.values()


def _state(route: Route, known: Known, note: Note | None, pinned: frozenset[str]) -> SleepState:
    key = route.worktree.id
    rules, last = known.rules.get(key), known.last.get(key)
    return SleepState(
        after_s=rules.after if rules else None,
        pinned=kept.name_of(key) in pinned,
        last_use=LastUse(last.sign, utc(last.since), last.text) if last else None,
        asleep=Asleep(note.services, utc(note.since), note.memory, note.why) if note else None,
        problem=known.problems.get(key),
    )

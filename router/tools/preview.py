"""The entry in Claude Code's `.claude/launch.json` by which its preview shows this worktree, and no other one."""

import json

from router import jsonc
from router.errors import FileError
from router.observe.projects.claude import FILE, only_looks
from router.tools import json_edit
from router.tools.edited import Edited, changed, ignoring


def preview(edited: Edited, *, url: str, committed: bool) -> Edited:
    """Return the texts with an entry that looks at `url`, the worktree's own, in a file that git ignores.

    The address is this machine's: where the file is `committed`, it is left alone, and a note says so.
    """
    if not url:
        return edited
    if committed:
        note = f"{FILE} is committed, so that no address of this machine is written there: take it out of git, or let"
        return edited.with_notes([f"{note} its entries run `router run -- …`; this worktree's url is {url}"])
    return ignoring(changed(edited, FILE, lambda text: _with_entry(text, url)), f"/{FILE}")


def _with_entry(text: str, url: str) -> str:
    """Return a launch.json with the entry; comments in it stay."""
    entry = {"name": "web", "url": url}
    if not text.strip():
        return json.dumps({"version": "0.0.1", "configurations": [entry]}, indent=2) + "\n"
    plain = jsonc.plain(text)
    root = json_edit.read(plain)
    member = root.member("configurations")
    if member is None:
        after = json_edit.with_member(plain, root, "configurations", [entry])
    elif not isinstance(member.value, list):
        raise FileError("`configurations` in it is no list", hint="fix it")
    elif own := next((each for each in member.value if isinstance(each, dict) and only_looks(each)), None):
        return text[: member.start] + text[member.start :].replace(json.dumps(own["url"]), json.dumps(url), 1)
    elif not member.value:  # but for comments, perhaps
        after = plain[: member.start + 1] + json.dumps(entry) + plain[member.start + 1 :]
    else:
        names = {each.get("name") for each in member.value if isinstance(each, dict)}
        after = json_edit.with_item(plain, member, {**entry, "name": "web" if "web" not in names else "web (router)"})
    return _inserted(text, plain, after)


def _inserted(text: str, plain: str, after: str) -> str:
    """Return a text with what was put into its plain form, which has the same places."""
    start = next(place for place in range(len(after)) if plain[place : place + 1] != after[place])
    rest = len(plain) - start
    end = next(size for size in range(rest + 1) if size == rest or plain[-1 - size] != after[-1 - size])
    return text[:start] + after[start : len(after) - end] + text[len(text) - end :]

"""The texts of the files that `router init` creates, and its blocks in those that exist."""

MISE = """\
# A worktree's own ports, names and URLs are in its `.mise.local.toml`, which git ignores. As this file is there,
# `router hook` writes it in a new worktree; `router env --write --format mise` writes it in any.
"""

WORKTRUNK = """\
# Gives a new worktree its env block, copied files and links. Worktrunk asks once whether this may run.
[[pre-start]]
router = {command}
"""

DIRENV = """\
if has router; then
  watch_file .env.local router.toml
  eval "$(router env)"
fi
"""

SKILL = """\
---
name: router
description: Find this worktree's own URL, port, database and log; start, stop and check its servers and nobody \
else's; prove which worktree a page is. Use it before starting or stopping a server, opening a page on localhost, or \
running tests or migrations.
---
"""

"""The texts that `router init` gives to files which are not there yet, and its blocks in those that are."""

MISE = """\
# What every checkout shares. A worktree's own ports, names and URLs are in its `.mise.local.toml`, which git
# ignores: `router env --write --format mise` writes it, and `router hook` for a new worktree.

[env]
OAUTH_REDIRECT_URI = {redirect_uri}
"""

WORKTRUNK = """\
# Worktrunk asks once whether this may run. It gives a new worktree its env block, copies and links.
[[pre-start]]
router = {command}

# The worktree's host. Longer names, other signs and doubled ones: `router url` has the exact one.
[list]
url = {url}
"""

DIRENV = """\
if has router; then
  watch_file .env.local router.toml
  eval "$(router env)"
fi
"""

AGENTS = """\
## This worktree's own URL, ports and database

Several worktrees of this repository run side by side behind `router`. Use only what is this one's:

- `router url` prints its URL, `router url --service api` that of another service. Test there, not on a port of
  `localhost`.
- `router env` prints its ports, `DATABASE_NAME`, `COMPOSE_PROJECT_NAME` and the rest; `router run -- COMMAND` runs a
  command with them. Start servers, migrations and tests that way.
- `router env --check` fails, and names the value, where something of another worktree's is in use. Run it before
  anything that writes to a database.
- Sign in at the worktree's URL. `router url --oauth` is the redirect URI, the same for all; never register another.
- `router status` shows what is up and what is wrong. The marked block in `.env.local` is made by `router`: leave it.
"""

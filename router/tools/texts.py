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

AGENTS = """\
## This worktree's own URL, ports and database

Several worktrees of this repository run side by side behind `router`. Use only what belongs to this one:

- `router url` prints its URL, `router url --service api` that of another service. Test there, not on a port of
  `localhost`.
- `router env` prints its ports, `DATABASE_NAME`, `COMPOSE_PROJECT_NAME` and other variables; `router run -- COMMAND`
  runs a command with them. Start servers, migrations and tests that way.
- Python, Node and Java do not resolve `*.localhost` everywhere. `curl "$(router url)/path"` works; elsewhere ask
  `http://127.0.0.1:PORT/path` with the header `Host: NAME.localhost:PORT`, as `router url` has name and port.
- `router env --check` fails, and names the value, where a value of another worktree is in use. Run it before anything
  that writes to a database.
- `router stop --port 5173` ends your server on that port, and `router stop` all of this worktree's; both refuse those
  of other worktrees. Never use `kill $(lsof -t -i:5173)` or `pkill`. `router whose 5173` says whose a port is.
- Sign in at the worktree's URL. `router url --oauth` prints the redirect URI, the same for all worktrees; never
  register another.
- `router status` shows what is up and what is wrong. `router` writes the marked block in `.env.local`: do not edit it.
"""

"""One Caddy in step with every git worktree: a host for each, one OAuth redirect URI for all."""

__version__ = "0.1.0"

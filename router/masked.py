"""Text of others made fit to be shown: without passwords and tokens, on one line."""

import re

from router.text import shown

_LONGEST = 200  # characters
# Texts, as few commands need them: `re` compiles them when they are first used
_NAMED = (
    r"(?i)(?P<name>\b[\w-]*(?:token|secret|passw(?:or)?d|pwd|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]*"
    r"[\"']?\s*[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
)
_SENT = r"(?i)\b(?P<name>(?:bearer|basic)\s+)(?P<value>[A-Za-z0-9._~+/=-]{8,})"
# GitHub, GitLab, Slack, Stripe and others, AWS, JSON web tokens: what their makers let begin with a sign of its own
_TOKENS = (
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_(?:live|test)_|sk-)[A-Za-z0-9_-]{10,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)


def masked(value: str) -> str:
    """Return a value fit for a line of output, without the passwords in it."""
    value = re.sub(r"(://[^:/@\s]*:)[^@/\s]*@", r"\1…@", value)
    value = re.sub(r"\b(password|pwd)\s*=[^;\s]*", r"\1=…", value, flags=re.IGNORECASE)
    return shown(re.sub(r"^([^:/@\s]+:)[^@/\s]+@(tcp|unix)\(", r"\1…@\2(", value))[:_LONGEST]


def masked_line(line: str) -> str:
    """Return a line that a program printed, without what looks like a password or a token in it."""
    for pattern in (_NAMED, _SENT):
        line = re.sub(pattern, r"\g<name>…", line)
    return masked(re.sub(_TOKENS, "…", line))

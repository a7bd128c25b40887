"""What a process is to its user: an agent, an editor, a shell, … are shown and never ended; servers have no role.

Names alone protect; nothing is ever ended because of its name. Only base names are compared: arguments hold secrets.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum


class Role(StrEnum):
    """What a process is that is nobody's server."""

    AGENT = "agent"
    TOOL = "tool"
    EDITOR = "editor"
    SHELL = "shell"
    MULTIPLEXER = "multiplexer"
    TERMINAL = "terminal"
    BROWSER = "browser"

    @property
    def phrase(self) -> str:
        """The role as a message has it."""
        return _PHRASES.get(self, f"a {self}")


_PHRASES = {
    Role.AGENT: "an agent",
    Role.TOOL: "an agent's tool",
    Role.EDITOR: "an editor",
    Role.MULTIPLEXER: "a terminal multiplexer",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The commands that their documentation installs; the last line are programs that run agents side by side.
AGENTS = _words(
    """claude codex cursor-agent gemini opencode aider goose goosed amp crush droid qwen copilot auggie cline kilocode
    kilo openhands plandex grok kiro-cli junie
    vibe-kanban claude-squad emdash happy-coder"""
)
# The same as packages of npm, where the script's own name says nothing (`cli.js`, `index.js`).
AGENT_PACKAGES = _words(
    """@anthropic-ai/claude-code @openai/codex @google/gemini-cli @qwen-code/qwen-code @sourcegraph/amp @github/copilot
    @augmentcode/auggie @kilocode/cli @continuedev/cli @mariozechner/pi-coding-agent opencode-ai cline
    vibe-kanban"""
)
EDITORS = _words(
    """code code-insiders code-server code-tunnel codium cursor windsurf antigravity kiro trae zed zed-editor zeditor
    vi vim vimx gvim nvim neovide emacs emacsclient nano hx helix kak sublime_text subl lapce kate gedit
    gnome-text-editor textmate xcode idea pycharm webstorm phpstorm rubymine goland clion rider rustrover
    datagrip"""
)
# What editors start beside themselves: https://microsoft.github.io/language-server-protocol/implementors/servers/
LANGUAGE_SERVERS = _words(
    """gopls rust-analyzer clangd ccls pyright pylsp tsserver tsserver.js typingsinstaller.js vtsls volar svelteserver
    solargraph intelephense phpactor omnisharp jdtls metals zls nil nixd marksman taplo texlab ruby-lsp astro-ls
    terraform-ls csharp-ls elixir-ls erlang_ls sonarlint-ls"""
)
SHELLS = _words("bash zsh fish dash sh ash ksh mksh tcsh csh nu xonsh pwsh elvish osh")
# What sessions hang on, and what adopts processes.
MULTIPLEXERS = _words(
    """tmux screen zellij byobu tmate dtach abduco shpool wezterm-mux-server mosh-server sshd sshd-session login su
    systemd init launchd dbus-daemon"""
)
TERMINALS = _words(
    """kitty alacritty wezterm wezterm-gui ghostty foot gnome-terminal gnome-terminal-server konsole xterm urxvt
    tilix ptyxis kgx terminator xfce4-terminal terminal iterm2"""
)
BROWSERS = _words(
    """chrome google-chrome google chromium chromium-browser firefox firefox-bin brave brave-browser msedge
    vivaldi-bin safari"""
)
# Started by a test: chrome/browser/headless, puppeteer and playwright's arguments.
_AUTOMATED = re.compile(r"(?:^|\s)(?:--?headless|--enable-automation|--remote-debugging-pipe|-juggler-pipe)\b")
_ROLES = (
    (AGENTS, Role.AGENT),
    (EDITORS | LANGUAGE_SERVERS, Role.EDITOR),
    (MULTIPLEXERS, Role.MULTIPLEXER),
    (TERMINALS, Role.TERMINAL),
)
_LANGUAGE_SERVER = re.compile(r".*(?:language-?server|langserver|[-_]lsp)\b.*")
_TOOL = re.compile(r"(?:.*[-_@/.])?mcp(?:[-_/.].*)?")  # playwright-mcp, mcp-server-git, @acme/mcp
_INTERPRETER = re.compile(r"(?:node|nodejs|bun|deno|python|pypy|ruby|java)[0-9.]*")
# Where editors keep their own programs and those that their extensions start. A text, as few commands need it: `re`
# compiles it when it is first used
_OF_EDITORS = (
    r"/\.(?:vscode|vscode-insiders|vscode-oss|cursor|windsurf|antigravity|kiro|trae)(?:-server[^/]*|/extensions)/"
    r"|/resources/app/(?:extensions|out)/|/nvim/mason/|/share/zed/|/Application Support/(?:Zed|Code|Cursor)/"
    r"|/JetBrains/|/jbr/bin/java$|^com\.intellij\."
)
_COMMAND = re.compile(r"-[A-Za-z]*c[A-Za-z]*|--command(=.*)?|-Command|-File")
_TAKES_VALUE = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})


def role(argv: Sequence[str], *, name: str, program: str | None, leads_terminal: bool) -> Role | None:
    """Return what a process is to its user, None for whatever else: servers, what builds, what watches.

    `argv` is its command line (empty for a kernel thread), `name` what the kernel calls it, `program` the name to
    show for it, `leads_terminal` whether it leads the session of a terminal.
    """
    if not argv:
        return None
    names = {each.lower() for each in _names(argv, name, program)}
    if names & SHELLS:
        return Role.SHELL if leads_terminal or _is_interactive(argv) else None
    if names & BROWSERS:
        return None if _AUTOMATED.search(" ".join(argv)) else Role.BROWSER
    for known, found in _ROLES:
        if names & known:
            return found
    return _by_file(argv, names)


def _by_file(argv: Sequence[str], names: set[str]) -> Role | None:
    """Return the role that the place of its program or script gives a process, or a telling part of its name."""
    script = _script(argv)
    package = _package(script)
    if package in AGENT_PACKAGES:
        return Role.AGENT
    if any(re.search(_OF_EDITORS, each) for each in (argv[0], script)) or any(map(_LANGUAGE_SERVER.fullmatch, names)):
        return Role.EDITOR
    return Role.TOOL if any(map(_TOOL.fullmatch, {*names, package})) else None


def _names(argv: Sequence[str], name: str, program: str | None) -> Iterator[str]:
    """Yield what a process is called: by its command, by the kernel, by the script it runs."""
    command = argv[0] if argv[0].startswith("/") else argv[0].partition(" ")[0]  # "sshd: me@pts/1"
    yield command.lstrip("-").rpartition("/")[2].partition(" ")[0].partition(":")[0]
    yield name.partition(" ")[0].partition(":")[0]  # "tmux: server"
    yield program or ""


def _is_interactive(argv: Sequence[str]) -> bool:
    """Tell whether a shell takes commands from somebody, rather than those of its command line or a script."""
    if argv[0].startswith("-"):  # a login shell (login(1))
        return True
    arguments = iter(argv[1:])
    for argument in arguments:
        if _COMMAND.fullmatch(argument):
            return False
        if not argument.startswith(("-", "+")):
            return argument.startswith(("/dev/", "/proc/"))  # an agent writes its commands into a pipe
        if argument in _TAKES_VALUE:
            next(arguments, None)
    return True


def _script(argv: Sequence[str]) -> str:
    """Return the file or module that an interpreter runs, empty for another program."""
    if not _INTERPRETER.fullmatch(argv[0].rpartition("/")[2]):
        return ""
    return next((argument for argument in argv[1:] if not argument.startswith("-")), "")


def _package(script: str) -> str:
    """Return the npm package that a script is of, with its scope; empty where it is of none."""
    found = re.fullmatch(r".*node_modules/((?:@[^/]+/)?[^./@][^/]*)/.*", script)
    return found[1].lower() if found else ""

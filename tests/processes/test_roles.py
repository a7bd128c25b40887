"""What a process is to its user: names protect, and nothing is ended for its name."""

import pytest

from router.processes.roles import Role, role

VITE = "/home/me/shop/node_modules/.bin/vite"


def of(*argv: str, name: str = "", program: str | None = None, leads: bool = False) -> Role | None:
    base = argv[0].lstrip("-").rpartition("/")[2] if argv else ""
    return role(argv, name=name or base, program=program or base, leads_terminal=leads)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["claude"], Role.AGENT),
        (["/home/me/.local/bin/codex", "exec"], Role.AGENT),
        (["node", "/usr/lib/node_modules/@openai/codex/bin/codex.js"], Role.AGENT),
        (["node", "/x/node_modules/@google/gemini-cli/dist/index.js"], Role.AGENT),
        (["node", "/x/node_modules/@playwright/mcp/cli.js"], Role.TOOL),
        (["/home/me/.cache/uv/bin/mcp-server-git"], Role.TOOL),
        (["/usr/share/code/code", "--type=utility"], Role.EDITOR),
        (["nvim", "--embed"], Role.EDITOR),
        (["/home/me/.vscode-server/cli/servers/Stable-1/server/node", "out/server-main.js"], Role.EDITOR),
        (["node", "/home/me/.vscode/extensions/dbaeumer.vscode-eslint-3/server/out/eslintServer.js"], Role.EDITOR),
        (["/home/me/.local/share/nvim/mason/packages/x/y"], Role.EDITOR),
        (["rust-analyzer"], Role.EDITOR),
        (["bash-language-server", "start"], Role.EDITOR),
        (["tmux", "new", "-d"], Role.MULTIPLEXER),
        (["SCREEN"], Role.MULTIPLEXER),
        (["sshd: me@pts/1"], Role.MULTIPLEXER),
        (["/usr/bin/kitty"], Role.TERMINAL),
        (["/opt/google/chrome/chrome", "--profile-directory=Default"], Role.BROWSER),
        (["/opt/google/chrome/chrome", "--type=renderer"], Role.BROWSER),
        # Servers, and what starts and builds them
        (["npm run dev"], None),
        (["node", VITE], None),
        (["/home/me/my-mcp/node_modules/.bin/vite"], None),
        (["node", "/home/me/my-mcp/dist/index.js"], None),
        (["python", "-m", "http.server"], None),
        (["grep", "claude", "notes.txt"], None),
        (["tail", "-f", "/var/log/code"], None),
        (["python", "claude.py"], None),
        (["/usr/bin/chromium", "--headless=new", "--remote-debugging-pipe"], None),
        (["/usr/bin/chromium", "--enable-automation", "about:blank"], None),
        ([], None),
    ],
)
def test_a_process_is_what_its_names_and_its_file_say(argv: list[str], expected: Role | None) -> None:
    assert of(*argv) is expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-bash"], Role.SHELL),
        (["bash"], Role.SHELL),
        (["/usr/bin/fish"], Role.SHELL),
        (["zsh", "-i"], Role.SHELL),
        (["bash", "--rcfile", "/tmp/rc", "-i"], Role.SHELL),
        (["bash", "-o", "vi"], Role.SHELL),
        (["bash", "/dev/fd/3"], Role.SHELL),
        (["-zsh", "-c", "npm run dev"], Role.SHELL),
        (["sh", "-c", "vite"], None),
        (["/bin/bash", "-lc", "npm run dev"], None),
        (["bash", "-c", "npm run dev", "bash"], None),
        (["sh", "./start.sh"], None),
        (["pwsh", "-File", "dev.ps1"], None),
    ],
)
def test_a_shell_is_one_that_takes_commands_from_somebody(argv: list[str], expected: Role | None) -> None:
    assert of(*argv) is expected


def test_a_shell_that_leads_the_session_of_a_terminal_stays_whatever_it_runs() -> None:
    assert of("sh", "-c", "npm run dev; exec bash", leads=True) is Role.SHELL


def test_a_title_written_over_the_command_does_not_hide_what_the_kernel_knows() -> None:
    assert of("node title", name="tmux: server", program="title") is Role.MULTIPLEXER
    assert of("next-server (v15.1.0)", name="next-server (v1", program="next-server") is None


def test_every_role_reads_well_in_a_message() -> None:
    assert {str(each): each.phrase for each in Role} == {
        "agent": "an agent",
        "tool": "an agent's tool",
        "editor": "an editor",
        "shell": "a shell",
        "multiplexer": "a terminal multiplexer",
        "terminal": "a terminal",
        "browser": "a browser",
    }

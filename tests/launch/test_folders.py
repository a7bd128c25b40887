"""Commands that only a shell can run in another folder."""

import pytest

from router.launch.folders import in_folder


@pytest.mark.parametrize(
    ("line", "words", "folder"),
    [
        ("cd apps/web && npm run dev", ("npm", "run", "dev"), "apps/web"),
        ("cd ./web/ && exec npm run dev", ("npm", "run", "dev"), "web"),
        ("cd 'my app' && node 'a b.js'", ("node", "a b.js"), "my app"),
    ],
)
def test_a_folder_and_a_command_are_taken_apart(line: str, words: tuple[str, ...], folder: str) -> None:
    assert in_folder(("sh", "-c", line)) == (words, folder)


@pytest.mark.parametrize(
    "line",
    [
        "npm run dev", "cd web; npm run dev", "cd web && PORT=1 npm start", "cd .. && npm start",
        "cd /tmp && npm start", "cd $X && npm start", "cd web && npm start -- $PORT", "cd web && a && b",
        "cd web && a | b", "cd web &&", "cd web", "cd && a", "cd web && ls *", "cd . && a",
    ],
)  # fmt: skip
def test_what_a_shell_decides_stays_with_it(line: str) -> None:
    words = ("sh", "-c", line)
    assert in_folder(words) == (words, "")


@pytest.mark.parametrize("words", [("npm", "run", "dev"), ("sh", "-c"), ("sh", "-c", "cd a && b", "x"), ()])
def test_other_commands_stay_as_they_are(words: tuple[str, ...]) -> None:
    assert in_folder(words) == (words, "")

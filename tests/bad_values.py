"""Bad input for every command and every loader: numbers, texts, URLs, networks and files that nobody means.

Drawn from a seed, so that a failure is made again by its number.
"""

import json
import random
from pathlib import Path

import click

from chamiperf_ci.cli import COMMANDS, cli

GOLDEN = Path(__file__).parent / "golden" / "v1"
DIGITS = "9" * 400
TEXTS = [
    *("", " ", "x", "-", "--", "../../etc", "/", "/dev/null", "a\tb", "a\nb", "\u202e\u0000"[:1], "é", "\U0001f600"),
    *("%s", "{0}", "$(id)", "a" * 5000, "\udcff", "\ud800", "[", "*", "?", "a/b", "none", "null", "embedded", "all"),
]
NUMBERS = [
    "0",
    "-1",
    "1",
    "1.5",
    "1e3",
    "1e308",
    "1e400",
    "-1e400",
    "nan",
    "inf",
    "0x10",
    DIGITS,
    f"-{DIGITS}",
    "\u0661",
]
DURATIONS = ["0", "0s", "0m", "-1s", "0.001s", "1ms", "1h-", "1y", "1e9s", DIGITS, f"{DIGITS}d", "999999d", "s", "1 s"]
URLS = [
    *("http://a..b", "http://0177.0.0.1", "http://xn--", "http://127.0.0.1:9 ", "http://127.0.0.1:9", "http://[::1]:9"),
    *("http://127.0.0.1:99999", "http://127.0.0.1:-1", "http://u:p@127.0.0.1:9", "ftp://127.0.0.1", "//127.0.0.1:9"),
    *(
        "http://",
        "http://[",
        "http://[::1",
        "http://%",
        "http://127.0.0.1:9/?q",
        "http://127.0.0.1:9/#f",
        "127.0.0.1:9",
    ),
    *(
        "http://127.0.0.1:9/\udcff",
        "http://\ud800",
        f"http://{'a' * 70}.b",
        "http://127.0.0.1:٩",
        "HTTP://LOCALHOST:9/",
    ),
]
NETWORKS = ["0.0.0.0/0", "10.0.0.0/31", "10.0.0.1/8", "10.0.0.0/33", "::/0", "10/8", "a", "255.255.255.254/30", DIGITS]
_WHOLE = 0.8
"""Of the files, how many are JSON."""
VALUES = [
    *(None, True, False, 0, -1, 1, 1.5, 10**400, -(10**400), 1e308, 5e-324, "", "x", "\ud800", "é", [], {}, [[]]),
    *({"a": 1}, "1", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "a" * 3000, "../x", "\n"),
]
SKIPPED = {"demo": "starts a stack", "stack": "starts a stack", "drill": "starts a stack", "init": "writes workflows"}


def leaves():
    """Every command that neither starts a stack nor waits for GitHub, by its words."""
    found = {}
    for name in COMMANDS:
        if name in SKIPPED:
            continue
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            found |= {(name, each): leaf for each, leaf in command.commands.items()}
        else:
            found[(name,)] = command
    return found


def bent(draw, document):
    """A document with up to two of its values replaced, taken away, or doubled."""
    for _ in range(draw.randint(0, 2)):
        place = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and draw.random() < 0.8:
                place = place[key]
                continue
            change = draw.random()
            if change < 0.7:
                place[key] = draw.choice(VALUES)
            elif change < 0.85:
                del place[key]
            elif isinstance(place, dict):
                place[f"{key}\u200b"] = place[key]
            else:
                place.extend([place[key]] * 3)
            break
    return document


def bad_bytes(draw, text):
    """The text as somebody's editor, disk or enemy leaves it."""
    content = text.encode("utf-8", "surrogatepass")
    if draw.random() < _WHOLE:
        return content
    return draw.choice(
        [
            b"\xef\xbb\xbf" + content, text.encode("utf-16", "surrogatepass"), content[: draw.randint(0, len(content))],
            b"", b"\0" * 100, b"\xff\xfe", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"null", b"[]", b"{}",
            f'{{"a": {DIGITS}}}'.encode(), b'{"a": NaN}', content.replace(b":", b": 1e999,", 1), content * 2,
        ]
    )  # fmt: skip


def bad_file(draw, folder):
    """The path of a file with bad content, of a folder, or of nothing."""
    kind = draw.random()
    if kind < 0.1:
        return str(folder / draw.choice(["missing", "a" * 300, ".", "..", "\udcff"]))
    name = draw.choice(["run", "verdict", "baselines", "seed", "smoke", "history", "drill"])
    document = bent(draw, json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")))
    path = folder / f"{name}-{draw.randint(0, 3)}.json"
    path.write_bytes(bad_bytes(draw, json.dumps(document, ensure_ascii=draw.random() < 0.5)))
    return str(path)


def bad_value(draw, option, folder):  # noqa: PLR0911 - a kind a line
    """A value for an option, near its kind."""
    kind, name = option.type, option.name or ""
    if name in ("timeout", "deadline", "max_duration", "brake_after"):
        return draw.choice([*(each for each in DURATIONS if each != "999999d"), "0.2s"])
    if "duration" in kind.name:
        return draw.choice(DURATIONS)
    if isinstance(kind, click.Choice):
        return draw.choice([*kind.choices, *TEXTS[:4]])
    if kind.name in ("integer", "float", "integer range", "float range"):
        return draw.choice(NUMBERS)
    if isinstance(kind, click.Path):
        return bad_file(draw, folder) if draw.random() < 0.8 else draw.choice(TEXTS)
    if "network" in name:
        return draw.choice(NETWORKS)
    if name.endswith(("url", "gateway")) or name in ("to", "api_url"):
        return draw.choice(URLS)
    return draw.choice(TEXTS)


def _file(name):
    def made(draw, folder):
        document = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
        path = folder / f"{name}.json"
        path.write_bytes(bad_bytes(draw, json.dumps(bent(draw, document), ensure_ascii=draw.random() < 0.5)))
        return path

    return made


def _toml(draw, folder):
    """A chamiperf.toml with one bad value."""
    value = draw.choice([*URLS, *TEXTS, *NETWORKS])
    key = draw.choice(
        ["gateway", "network", "environment", "credential", "ca_file", "allowed_hosts", "token_file", "kea"]
    )
    text = f"[targets.lab]\n{key} = {json.dumps(value)}\n"
    path = folder / "bad.toml"
    path.write_bytes(bad_bytes(draw, text))
    return path


_LOADERS = 0.6
"""Of the cases, how many are whole but for the content of a file."""
READERS = [
    ["compare", "--runs", _file("run"), "--baselines", _file("baselines")],
    ["compare", "--runs", _file("run")],
    ["compare", "--runs", _file("run"), "--gate", "adr"],
    ["report", "--verdict", _file("verdict")],
    ["comment", "--verdict", _file("verdict"), "--dry-run", "--repository", "o/r", "--pull-request", "1"],
    ["baselines", "check", "--baselines", _file("baselines"), "--runs", _file("run")],
    ["baselines", "format", "--baselines", _file("baselines")],
    ["baselines", "init", "--baselines", "new.json", "--runs", _file("run"), "--reason", "r"],
    ["baselines", "import", "--baselines", _file("baselines"), "--from", _file("run")],
    ["update-baseline", "propose", "--baselines", _file("baselines"), "--runs", _file("run"), "--reason", "r"],
    ["update-baseline", "apply", "--baselines", _file("baselines"), "--patch", _file("history")],
    ["history", "add", "--history", "kept", "--runs", _file("run")],
    ["history", "trend", "--history", "kept", "--baselines", _file("baselines")],
    ["alert", "--history", "kept", "--verdict", _file("verdict"), "--dry-run", "--repository", "o/r"],
    ["load", "--seed-file", _file("seed"), "--gateway", "http://127.0.0.1:9"],
    ["load", "--dry-run", "--config", _toml, "--target", "lab"],
    ["wait", "--config", _toml, "--target", "lab", "--timeout", "0.2s"],
    ["confirm", "--verdict", _file("verdict"), "--gateway", "http://127.0.0.1:9"],
    ["seed", "--remove", "--gateway", "http://127.0.0.1:9"],
]


def bad_command(draw, folder):
    """The arguments of one command."""
    if draw.random() < _LOADERS:
        return [str(part(draw, folder)) if callable(part) else part for part in draw.choice(READERS)]
    words, command = draw.choice(list(leaves().items()))
    arguments = list(words)
    for option in command.params:
        if not isinstance(option, click.Option):
            arguments += [draw.choice(TEXTS)] if draw.random() < 0.5 else []
            continue
        # Few at a time: the first that is wrong hides all others.
        if draw.random() > (0.95 if option.required else 1.2 / len(command.params)) or option.name == "remote":
            continue
        arguments.append(draw.choice(option.opts))
        if not option.is_flag:
            arguments.append(bad_value(draw, option, folder))
    if words == ("wait",) and "--timeout" not in arguments:
        # It waits 90 s for what is not there, as it should.
        arguments += ["--timeout", "0.2s"]
    return [argument.replace("\0", "") for argument in arguments]


def drawn(number):
    """The source of chance of one case."""
    return random.Random(number)  # noqa: S311 - inputs, not secrets

"""blocks.py - the commands that the documents show, block by block, with what is said about each.

A block of sh or sql is run by test/docs/run, in its turn unless one of these stands in the line above it:

    <!-- not run: REASON -->
    <!-- run last: REASON -->    after all documents, in a work tree where nothing runs
"""
import collections
import contextlib
import json
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
TRANSLATIONS = {"README.pt-BR.md": "README.md", "docs/questionnaire.md": "docs/questionnaire.en.md"}
LANGUAGES = ("sh", "sql")
OPENING = re.compile(r"^```(\w+)$")
MARK = re.compile(r"^<!-- (not run|run last): (.+) -->$")
COMMENT = {"sh": re.compile(r"(?:^|\s+)#( .*)?$"), "sql": re.compile(r"(?:^|\s+)--( .*)?$")}
# What an identifier of ours looks like: another one comes each time.
IDENTIFIER = re.compile(r"\b[a-z][a-z0-9]{23}\b")

Block = collections.namedtuple("Block", "document line language text reason is_last", defaults=(None, False))


def documents():
    """In the order in which they are run: the README makes what the others use."""
    return ["README.md", *(str(path.relative_to(TOP)) for path in
                           sorted((TOP / "docs").glob("*.md")) + sorted((TOP / "docs").glob("*/*.md")) +
                           sorted((TOP / "consumer").glob("*/README.md"))),
            "README.pt-BR.md"]


def blocks_of(document):
    lines = (TOP / document).read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = OPENING.match(lines[number])
        number += 1
        if not opening:
            continue
        end = lines.index("```", number)
        if opening[1] in LANGUAGES:
            mark = MARK.match(lines[number - 2]) if number > 1 else None
            is_last = bool(mark) and mark[1] == "run last"
            yield Block(document, number + 1, opening[1], "\n".join(lines[number:end]) + "\n",
                        mark[2] if mark and not is_last else None, is_last)
        number = end + 1


def marks_in(document):
    """How many marks there are, before whatever they stand."""
    return sum(bool(MARK.match(line)) for line in (TOP / document).read_text(encoding="utf-8").splitlines())


def commands(block):
    """The lines without comments: what a translation must leave as it is."""
    lines = [COMMENT[block.language].sub("", line) for line in block.text.splitlines()]
    return [line for line in lines if line.strip()]


def shown_outputs(block):
    """What the comments of a block show as output: JSON, over as many lines as it takes, or a line of HTTP."""
    shown, begun = [], ""
    for line in block.text.splitlines():
        comment = COMMENT[block.language].search(line)
        text = (comment[1] or "").strip() if comment else ""
        is_json = begun or re.match(r'[\[{].*":', text)
        if is_json:
            begun = f"{begun} {text}".strip()
        if re.match(r"(HTTP/1\.1|Location:) ", text):
            shown.append(text)
        if begun and begun.count("{") <= begun.count("}"):
            shown.append(begun)
            begun = ""
    return shown + ([begun] if begun else [])


def is_in(shown, printed):
    """Whether what a document shows was printed: JSON whatever the order of its keys, everything else as it is."""
    if not shown.startswith(("{", "[")):
        return re.search(IDENTIFIER.sub("[a-z0-9]{24}", re.escape(shown)), printed) is not None
    wanted = json.loads(re.sub(r",?\s*…\s*(?=[}\]])", "", shown))
    has_more = "…" in shown
    return any(is_same(wanted, found, has_more) for found in json_in(printed))


def json_in(printed):
    """Every JSON object or array in a text, those within others too."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"[\[{]", printed):
        with contextlib.suppress(ValueError):
            yield decoder.raw_decode(printed, start.start())[0]


def is_same(wanted, found, has_more):
    """An identifier is like any other; with `…` in what is shown, objects may have more keys."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return ((has_more or wanted.keys() == found.keys()) and
                all(key in found and is_same(value, found[key], has_more) for key, value in wanted.items()))
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(is_same(*pair, has_more) for pair in zip(wanted, found))
    if isinstance(wanted, str) and isinstance(found, str) and IDENTIFIER.fullmatch(wanted):
        return IDENTIFIER.fullmatch(found) is not None
    return type(wanted) is type(found) and wanted == found

"""blocks.py - the commands that the documents show, block by block, with what is said about each.

A block of sh or sql is run by test/docs/run, in its turn and as a whole unless one of these stands in the line above it:

    <!-- not run: REASON -->
    <!-- run last: REASON -->                     after all documents, in a work tree where nothing runs
    <!-- run with: STATE -->                      as states.py makes it before and looks at it afterwards
    <!-- run only `COMMAND`, …: REASON -->        of its lines those that begin so
    <!-- run with A instead of B: REASON -->      everywhere in it
    <!-- run long: REASON -->                     with DOCS_LONG=yes only, and with small quantities
    <!-- run long, with `A` instead of `B`, `C` instead of `D`: REASON -->     the same, one change after the other
"""
import collections
import contextlib
import functools
import json
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
TRANSLATIONS = {"README.pt-BR.md": "README.md", "docs/questionnaire.md": "docs/questionnaire.en.md"}
LANGUAGES = ("sh", "sql")
# Of what is shown and not run: messages, answers, functions, pictures.
SHOWN = ("json", "text", "python", "js", "")
OPENING = re.compile(r"^```(.*)$")
# Blocks all the same, where nobody looks for them.
HIDDEN = re.compile(r"^(\s+```|\s*~~~)")
MARK = re.compile(r"^<!-- (?:not )?run\b")
MARKS = {
    "reason": re.compile(r"^<!-- not run: (.+) -->$"),
    "last": re.compile(r"^<!-- run last: (.+) -->$"),
    "state": re.compile(r"^<!-- run with: (.+) -->$"),
    "only": re.compile(r"^<!-- run only ((?:`[^`]+`(?:, )?)+): (.+) -->$"),
    "long": re.compile(r"^<!-- run long(?:, with ((?:`[^`]+` instead of `[^`]+`(?:, )?)+))?: (.+) -->$"),
    "instead": re.compile(r"^<!-- run with (\S+) instead of (\S+): (.+) -->$"),
}
COMMENT = {"sh": re.compile(r"(?:^|\s+)#( .*)?$"), "sql": re.compile(r"(?:^|\s+)--( .*)?$")}
# What an identifier of ours looks like: another one comes each time.
IDENTIFIER = re.compile(r"\b[a-z][a-z0-9]{23}\b")

# marks: what the mark above it says, by its kind; one at most.
Block = collections.namedtuple("Block", "document line language text marks", defaults=({},))


def documents():
    """In the order in which they are run: the README makes what the others use."""
    return ["README.md", *(str(path.relative_to(TOP)) for path in
                           sorted((TOP / "docs").glob("*.md")) + sorted((TOP / "docs").glob("*/*.md")) +
                           sorted((TOP / "consumer").glob("*/README.md"))),
            "README.pt-BR.md"]


def fences(document):
    """(line, language, text, the line above) of whatever stands in a block; the language may be empty."""
    lines = (TOP / document).read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = OPENING.match(lines[number])
        number += 1
        if not opening:
            continue
        end = lines.index("```", number)
        yield number + 1, opening[1], "\n".join(lines[number:end]) + "\n", lines[number - 2] if number > 1 else ""
        number = end + 1


def blocks_of(document):
    """Those that are commands."""
    for line, language, text, above in fences(document):
        if language in LANGUAGES:
            yield Block(document, line, language, text, read_mark(above))


def unseen_blocks(document):
    """Those that nobody would run, and nobody would miss."""
    lines = (TOP / document).read_text(encoding="utf-8").splitlines()
    return ([f"{document}:{line}: a block of {language}" for line, language, *_ in fences(document)
             if language not in LANGUAGES + SHOWN] +
            [f"{document}:{number}: {line}" for number, line in enumerate(lines, 1) if HIDDEN.match(line)])


def shown_file(document, word):
    """The text of the only block without a language in which this word stands."""
    (text,) = [text for _, language, text, _ in fences(document) if not language and word in text]
    return text


def shown_block(document, word):
    """The only block of commands in which this stands."""
    (block,) = [block for block in blocks_of(document) if word in block.text]
    return block


def read_mark(line):
    return {kind: found.groups() for kind, form in MARKS.items() if (found := form.match(line))}


def reason_of(block):
    """Why it is not run; None if it is."""
    return block.marks["reason"][0] if "reason" in block.marks else None


def text_to_run(block):
    """A ValueError if its mark speaks of what is not in it."""
    if "only" in block.marks:
        return "".join(map(functools.partial(line_of, block), re.findall(r"`([^`]+)`", block.marks["only"][0])))
    if "instead" in block.marks:
        new, old, _ = block.marks["instead"]
        return replaced(block.text, [(new, old)])
    if "long" in block.marks:
        return replaced(block.text, re.findall(r"`([^`]+)` instead of `([^`]+)`", block.marks["long"][0] or ""))
    return block.text


def replaced(text, changes):
    """What a document has with others, (new, old), instead, one after the other."""
    for new, old in changes:
        if old not in text:
            raise ValueError(f"it has no {old}")
        text = text.replace(old, new)
    return text


def line_of(block, command):
    for line in block.text.splitlines(keepends=True):
        if line.startswith(command):
            return line
    raise ValueError(f"no line of it begins with {command}")


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

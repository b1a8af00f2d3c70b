"""Texts of a few elements of a small XML document, by the parser alone: a tree costs more to import."""

from __future__ import annotations

from xml.parsers.expat import ExpatError, ParserCreate


class NotXml(ValueError):
    """The document is broken."""


def texts(document: bytes, *names: str) -> list[tuple[str, str]]:
    """Name without its namespace, and text, of each element with one of these names, in their order."""
    found: list[tuple[str, str]] = []
    open_texts: list[list[str]] = []

    def started(name: str, attributes: dict[str, str]) -> None:
        open_texts.append([])

    def data(text: str) -> None:
        open_texts[-1].append(text)

    def ended(name: str) -> None:
        text = "".join(open_texts.pop())
        plain = name.rpartition(" ")[2]
        if plain in names:
            found.append((plain, text))

    parser = ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = started
    parser.CharacterDataHandler = data
    parser.EndElementHandler = ended
    try:
        parser.Parse(document, True)
    except ExpatError as error:
        raise NotXml(str(error)) from error
    return found

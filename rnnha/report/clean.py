"""What strangers wrote, made fit for a page: it is shown, and does nothing.

Names, outputs and notebooks come from other people's data and machines. Of their HTML the page
keeps text, tables, equations and pictures that it holds itself; scripts, event handlers, frames,
forms and whatever would be loaded go. POLICY tells the browser the same a second time.
"""

import re
from collections.abc import Iterator

from bleach.css_sanitizer import CSSSanitizer
from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner

# For <meta http-equiv="Content-Security-Policy">: nothing runs, nothing is loaded.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)

_TEXT = """a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption
figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary
sup table tbody td tfoot th thead tr u ul var""".split()
_EQUATIONS = """math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle
msub msubsup msup mtable mtd mtext mtr munder munderover none""".split()
_ATTRIBUTES = {
    *("alt", "border", "class", "colspan", "data-mime-type", "data-type", "dir", "halign"),
    *("height", "id", "open", "rowspan", "scope", "span", "start", "style", "title", "valign"),
    "width",
    # of equations
    *("accent", "columnalign", "columnlines", "columnspacing", "display", "displaystyle", "fence"),
    *("form", "largeop", "linebreak", "linethickness", "lspace", "mathbackground", "mathcolor"),
    *("mathsize", "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowlines"),
    *("rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "voffset", "xmlns"),
}
_STYLES = """background-color color font-style font-weight text-align text-decoration
vertical-align white-space""".split()
_UNREAD = ("script", "style")  # what stands in them is not for readers
# Files beside the notebook are not beside the page, but for the first page of the report.
_LINK = re.compile(r"https?://|mailto:|#|(?:\.\./)+index\.html$")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[\w+/=\s]*$")


def cleaned(html: str) -> str:
    """HTML without anything that acts or is loaded; a picture from elsewhere becomes a note."""
    return Cleaner(
        tags={*_TEXT, *_EQUATIONS, *_UNREAD},
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        filters=[_Readable],
        css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
    ).clean(html)


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("a", "href"):
        return bool(_LINK.match(value))
    if (tag, name) == ("img", "src"):
        return bool(_PICTURE.match(value))
    return name in _ATTRIBUTES


class _Readable(Filter):
    """Drops scripts and style sheets with all that stands in them; notes pictures not shown."""

    def __iter__(self) -> Iterator[dict]:
        depth = 0
        for token in super().__iter__():
            kind, name = token["type"], token.get("name")
            if name in _UNREAD:
                depth += {"StartTag": 1, "EndTag": -1}.get(kind, 0)
            elif depth:
                continue
            elif name == "img" and kind in ("EmptyTag", "StartTag"):
                yield token if (None, "src") in token["data"] else _note(token)
            else:
                yield token


def _note(token: dict) -> dict:
    text = token["data"].get((None, "alt"), "").strip()
    return {"type": "Characters", "data": f"[picture not shown{text and ': '}{text}]"}

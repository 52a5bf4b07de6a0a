"""Pages of the report: what strangers wrote shows and does not act, and edges break nothing."""

import base64
import os
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from rnnha.report import page
from rnnha.report.clean import cleaned
from rnnha.report.execute import NotebookError
from rnnha.report.page import page_of
from rnnha.report.site import report

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


class Acts(HTMLParser):
    """Collects what a browser would run or load, and apart from that what one reads."""

    def __init__(self, text: str):
        super().__init__()
        self.found, self.tags, self.links, self.pictures, self.read = [], [], [], [], []
        self.head: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag in ("script", "iframe", "object", "embed", "form", "link", "base", "svg", "input"):
            self.found.append(tag)
        for name, value in attributes:
            address = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in ("srcdoc", "srcset", "xlink:href", "formaction"):
                self.found.append(name)
            elif name in ("src", "data") and not address.startswith("data:image/"):
                self.found.append(address)
            elif name == "href" and address.startswith(("javascript:", "data:", "file:")):
                self.found.append(address)
            elif name == "href" and tag != "a":
                self.found.append(address)
            elif name == "style" and ("url" in address or "position" in address):
                self.found.append(address)
            if (tag, name) == ("a", "href"):
                self.links.append(value)
            if (tag, name) == ("img", "src"):
                self.pictures.append(value)
        if tag == "meta":
            named = dict(attributes)
            self.head[named.get("http-equiv", named.get("name", "")).lower()] = named.get("content")

    def handle_data(self, data):
        if self.lasttag != "style":
            self.read.append(data)

    @property
    def text(self) -> str:
        return "".join(self.read)


def notebook_at(path: Path, *cells) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def shown(tmp_path: Path, *cells) -> Acts:
    """The page of a notebook with these cells."""
    written = page_of(notebook_at(tmp_path / "00_a.ipynb", *cells), tmp_path / "00_a.html")
    return Acts(written.read_text())


def output(**data) -> nbformat.NotebookNode:
    kinds = {key.replace("__", "/"): value for key, value in data.items()}
    return new_code_cell("x", outputs=[new_output("display_data", kinds)])


ACTING = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://example.org/pixel.png'>",
    "<p onclick='alert(1)' style='position:fixed'>p</p>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href='java\tscript:alert(1)'>a</a>",
    "<a href='&#106;avascript:alert(1)'>a</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>a</a>",
    "<iframe src='https://example.org'></iframe><iframe srcdoc='x'></iframe>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<form action='https://example.org'><input autofocus onfocus=alert(1)></form>",
    "<link rel=stylesheet href='https://example.org/a.css'><base href='https://example.org'>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "<math><style><img src=x onerror=alert(1)></style></math>",
    "<math><mi href='javascript:alert(1)'>x</mi></math>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<script>never closed",
    "<!-- never closed",
    "<table><tr><td><details><textarea>never closed",
    "</div></div></div></div></main>",
]


@pytest.mark.parametrize("acting", ACTING)
def test_what_acts_does_not_wherever_it_stands(tmp_path, acting):
    page = shown(
        tmp_path,
        new_markdown_cell(f"before\n\n{acting}"),
        new_markdown_cell(f"inline {acting}"),
        new_raw_cell(acting),
        output(text__html=f"<b>kept</b>{acting}"),
        output(text__markdown=acting),
        output(**{"text__vnd.mermaid": acting}),
        output(text__latex=acting),
        output(text__plain=acting),
        new_code_cell(acting, outputs=[new_output("stream", text=acting)]),
        new_code_cell("y", outputs=[new_output("error", ename=acting, traceback=[acting])]),
        new_markdown_cell("last"),
    )
    assert page.found == []
    assert "before" in page.text and "kept" in page.text
    assert page.text.rstrip().endswith("last"), "nothing swallows what comes after it"
    assert "refresh" not in page.head
    policy = page.head["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_an_output_that_is_a_script_shows_what_else_it_offers(tmp_path):
    page = shown(tmp_path, output(application__javascript="alert(1)", text__plain="<Plot>"))
    assert page.found == [] and "alert" not in page.text and "<Plot>" in page.text
    page = shown(tmp_path, output(application__javascript="alert(1)"))
    assert "alert" not in page.text and "[a script, not shown]" in page.text


def test_sizes_and_other_metadata_are_no_way_in(tmp_path):
    picture = new_output("display_data", {"image/png": base64.b64encode(DOT).decode()})
    picture.metadata = {"image/png": {"width": "1 onload=alert(1)"}}
    code = new_code_cell("x", outputs=[picture], metadata={"tags": ["a'><script>1</script>"]})
    page = shown(tmp_path, code)
    assert page.found == [] and len(page.pictures) == 1


def test_a_table_of_pandas_keeps_its_rows_and_its_alignment():
    frame = pd.DataFrame({"mAP": [0.5], "name <b>": ["a & <i>b</i>"]}, index=["rnn-ha"])
    kept = cleaned(frame._repr_html_())
    assert "<style" not in kept and "vertical-align" not in kept
    cells = re.findall(r"<(t[hd])>([^<]*)</\1>", kept)
    assert [text for _, text in cells] == [
        "",
        "mAP",
        "name &lt;b&gt;",
        "rnn-ha",
        "0.5",
        "a &amp; &lt;i&gt;b&lt;/i&gt;",
    ]
    assert 'class="dataframe"' in kept and "text-align: right" in kept.replace(":r", ": r")


def test_an_equation_is_set_or_its_source_is_shown(tmp_path):
    page = shown(
        tmp_path,
        new_markdown_cell(r"With $\frac{a}{b} < \sum_{i=1}^n x_i$ and $$\sqrt{2}$$"),
        new_markdown_cell(r"but $a_1_2 < b$ and $$\frac{a}{$$ are wrong, $\href{javascript:1}{x}$"),
    )
    assert {"mfrac", "msubsup", "msub", "msqrt"} <= set(page.tags)
    assert page.tags.count("math") == 3
    assert "a_1_2 < b" in page.text and r"\frac{a}{" in page.text
    assert page.found == []


def test_the_results_are_the_reports_first_page(tmp_path):
    source = notebook_at(
        tmp_path / "00_a.ipynb",
        new_markdown_cell(
            "[The results](../docs/results.md) say, [others](../docs/other.md) do not."
        ),
    )
    within = page_of(source, tmp_path / "00_a.html", "../index.html").read_text()
    assert '<a href="../index.html">The results</a> say' in within
    assert "docs/" not in within and "others" in Acts(within).text
    alone = Acts(page_of(source, tmp_path / "b.html").read_text())
    assert alone.links == [] and "The results say, others do not." in alone.text


# --- pictures ---


def test_only_pictures_of_the_notebooks_folder_are_embedded(tmp_path, monkeypatch):
    folder, secret = tmp_path / "notebooks", tmp_path / "secret.png"
    (folder / "sub").mkdir(parents=True)
    monkeypatch.setattr(page, "NOTEBOOKS", folder)
    secret.write_bytes(DOT + b"secret")
    (folder / "own one.png").write_bytes(DOT)
    (folder / "text.txt").write_text("text")
    (folder / "link.png").symlink_to(secret)
    wanted = [
        "../secret.png",
        "sub/../../secret.png",
        "..%2Fsecret.png",
        str(secret),
        f"file://{secret}",
        "link.png",
        "text.txt",
        "none.png",
        "a" * 5000 + ".png",
        "attachment:none.png",
        "https://example.org/a.png",
    ]
    attached = new_markdown_cell("![dot](attachment:dot.png)")
    attached["attachments"] = {"dot.png": {"image/png": base64.b64encode(DOT).decode()}}
    seen = shown(
        tmp_path,
        new_markdown_cell("![own](own%20one.png)"),
        attached,
        *(new_markdown_cell(f"![of {i}]({url})") for i, url in enumerate(wanted)),
        *(new_markdown_cell(f'<img src="{url}" alt="tag {i}">') for i, url in enumerate(wanted)),
    )
    embedded = [base64.b64decode(src.partition(",")[2]) for src in seen.pictures]
    assert embedded == [DOT, DOT]
    for i in range(len(wanted)):
        assert f"[picture not shown: of {i}]" in seen.text
        assert f"[picture not shown: tag {i}]" in seen.text


# --- the index ---


def finished_run(results: Path, dataset: str, slug: str, *cells) -> None:
    run = results / "runs" / dataset / slug / "seed0"
    notebook_at(run / "02_train.ipynb", *cells)
    (run / "metrics.csv").write_text("experiment\n")


def test_names_and_titles_reach_the_index_as_they_are(tmp_path):
    name = "a\"><script>alert(1)<b> & ?#%41 'é"
    notebook_at(tmp_path / "notebooks" / "00_<i>.ipynb", new_markdown_cell(f"# {name}"))
    finished_run(tmp_path, name, "javascript:alert(1)")
    index = report(tmp_path)
    seen = Acts(index.read_text())
    acting = [what for what in seen.found if not what.startswith("figures/")]
    assert acting == [] and not {"b", "i"} & set(seen.tags)
    assert seen.text.count(name) == 2 and "javascript:alert(1)" in seen.text
    pages = [link for link in seen.links if link.startswith(("notebooks/", "runs/"))]
    assert len(pages) == 2
    for link in pages:  # as a browser finds the file
        address = urlsplit(urljoin(index.as_uri(), link))
        assert address.scheme == "file" and Path(unquote(address.path)).is_file()


def test_a_folder_whose_name_is_no_text_is_in_the_report(tmp_path):
    finished_run(tmp_path, os.fsdecode(b"set\xff"), "rnn-ha")
    index = report(tmp_path)
    (link,) = (
        link for link in Acts(index.read_text(encoding="utf-8")).links if link.startswith("runs/")
    )
    assert (index.parent / unquote(link)).is_file() and link.isascii()


# --- is a page still right? ---


def test_a_page_is_written_anew_when_the_notebook_changes_whatever_the_clock_says(tmp_path):
    source, target = tmp_path / "00_a.ipynb", tmp_path / "00_a.html"
    page_of(notebook_at(source, new_markdown_cell("first")), target)
    future = time.time() + 10**6
    os.utime(target, (future, future))
    page_of(source, target)
    assert target.stat().st_mtime == pytest.approx(future), "nothing changed, nothing is written"
    notebook_at(source, new_markdown_cell("second"))
    os.utime(source, (0, 0))
    page_of(source, target)
    text = Acts(target.read_text()).text
    assert "second" in text and "first" not in text


def test_a_page_of_other_origin_is_written_anew(tmp_path):
    source = notebook_at(tmp_path / "00_a.ipynb", new_markdown_cell("text"))
    (tmp_path / "00_a.html").write_text("<p>cut o")
    assert "text" in page_of(source, tmp_path / "00_a.html").read_text()


DAMAGED = {
    "empty": "",
    "list": "[1, 2]",
    "text": "no notebook",
    "cut": '{"cells": [{"cell_type": "mark',
    "other": '{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "newer": '{"cells": [], "nbformat": 99, "nbformat_minor": 0, "metadata": {}}',
    "deep": "[" * 100_000,
    "count": '{"cells": [{"cell_type": "code", "source": "", "metadata": {}, "outputs": [], '
    '"execution_count": "<script>"}], "nbformat": 4, "nbformat_minor": 4, "metadata": {}}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_notebook_is_one_error_that_names_it(tmp_path, content):
    path = tmp_path / "notebooks" / "00_bad.ipynb"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(NotebookError, match="00_bad.ipynb is no whole Jupyter notebook") as told:
        report(tmp_path)
    assert "\n" not in str(told.value) and len(str(told.value)) < 500
    assert not (tmp_path / "report").exists()


def test_a_notebook_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "notebooks" / "00_folder.ipynb").mkdir(parents=True)
    with pytest.raises(NotebookError, match="00_folder.ipynb: cannot be read"):
        report(tmp_path)

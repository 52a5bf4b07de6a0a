"""The report as a whole: what is on its first page, and that nothing in it leads nowhere."""

import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import small_site
from fake_runs import queries, write_run
from rnnha import paths
from rnnha.report.execute import NotebookError
from rnnha.report.rebuild import rebuild
from rnnha.report.site import report


class Seen(HTMLParser):
    """Addresses, ids, pictures and what is read of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.addresses, self.ids, self.alts, self.metas, self.tags = [], set(), [], {}, []
        self.texts: dict[str, list[str]] = {}
        self.lang = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        self.addresses += [named[key] for key in ("href", "src") if key in named]
        self.ids.add(named.get("id"))
        if tag == "img":
            self.alts.append(named.get("alt"))
        if tag == "meta":
            self.metas[named.get("name", named.get("http-equiv"))] = named.get("content")
        if tag == "html":
            self.lang = named.get("lang")

    def handle_data(self, data):
        self.texts.setdefault(self.lasttag if self.lasttag == "style" else "read", []).append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts["read"]).split())


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return small_site.results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def index(results) -> Path:
    return report(results)


@pytest.fixture(scope="module")
def pages(index) -> dict[Path, Seen]:
    return {file: Seen(file) for file in sorted(index.parent.rglob("*.html"))}


def test_all_that_there_is_has_a_page(index, pages):
    found = {str(file.relative_to(index.parent)) for file in pages}
    assert found == {
        *("index.html", "explorer.html", "notebooks/00_a.html", "notebooks/03_b.html"),
        *(f"runs/rendered-veri/rnn-ha-seed{seed}.html" for seed in range(3)),
        *(f"tables/rendered-{name}.html" for name in ("veri", "vehicleid")),
        *(f"tables/rendered-{name}-exploratory.html" for name in ("veri", "vehicleid")),
    }


def test_every_address_is_there_and_every_page_is_reached(index, pages):
    reached = {index}
    for file, seen in pages.items():
        for address in seen.addresses:
            parts = urlsplit(address)
            if parts.scheme in ("https", "data"):
                continue
            assert not parts.scheme and not address.startswith("/"), address
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file() and target.is_relative_to(index.parent), f"{file}: {address}"
            if parts.fragment:
                assert parts.fragment in pages[target].ids
            reached.add(target)
    assert reached >= set(pages)


def test_every_page_says_something_and_leads_back(index, pages):
    for file, seen in pages.items():
        assert seen.lang == "en" and "viewport" in seen.metas and "title" in seen.tags, file
        assert "h1" in seen.tags and len(seen.text) > 15
        if file not in (index, index.with_name("explorer.html")):
            home = [a for a in seen.addresses if a.endswith("index.html")]
            assert home and (file.parent / home[0]).resolve() == index
            assert "default-src 'none'" in seen.metas["Content-Security-Policy"]


def test_a_page_inside_of_another_has_its_headings_below_that_ones(index):
    """The title of a table's page is a heading of the second level on the first page."""
    levels = re.findall(r"<h([1-6])[^>]*>\s*(?:<[^>]*>)*([^<]*)", index.read_text("utf-8"))
    [of_page] = [k for k, (_, text) in enumerate(levels) if "Attention on Rendered-VeRi" in text]
    assert levels[of_page][0] == "2" and levels[of_page + 1] == ("3", "Its parts")


def test_pictures_are_told_in_words_of_their_own(pages):
    for seen in pages.values():
        assert all(alt and len(alt) > 15 for alt in seen.alts)
    assert any("What is seen" in alt for seen in pages.values() for alt in seen.alts)


def test_the_sentences_are_those_of_the_tables(results, index, pages):
    seen = pages[index]
    paragraphs = (results / "tables/answer.md").read_text(encoding="utf-8").split("\n\n")
    assert len(paragraphs) == 4
    assert all(" ".join(p.removeprefix("# ").split()) in seen.text for p in paragraphs)
    table = (results / "tables/rendered-veri.md").read_text(encoding="utf-8")
    (primary,) = (p for p in table.split("\n\n") if p.startswith("Primary comparison"))
    assert primary in seen.text
    assert "A note." in seen.text and "chart" not in seen.alts


def test_every_cell_of_the_table_is_on_its_page(results, index, pages):
    seen = pages[index.parent / "tables/rendered-veri.html"]
    lines = (results / "tables/rendered-veri.md").read_text(encoding="utf-8").splitlines()
    cells = [cell.strip() for line in lines if line.startswith("| ") for cell in line.split("|")]
    assert len(cells) > 100 and all(cell in seen.text for cell in cells if cell != "---")


def test_the_zip_is_the_folder(index):
    files = {p for p in index.parent.rglob("*") if p.is_file()}
    with zipfile.ZipFile(index.parent.with_suffix(".zip")) as archive:
        packed = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
    assert packed == {
        str(p.relative_to(index.parent.parent)): p.read_bytes() for p in sorted(files)
    }


def test_what_is_no_longer_there_goes(results, index):
    gone = small_site.notebook(results / "notebooks/05_gone.ipynb", "A chapter")
    report(results)
    page = index.parent / "notebooks/05_gone.html"
    assert page.is_file()
    gone.unlink()
    report(results)
    assert not page.exists() and "05_gone" not in index.read_text(encoding="utf-8")


def test_without_an_explorer_and_runs_it_shows_the_committed_tables(tmp_path):
    index = report(tmp_path / "none")
    text = Seen(index).text
    assert "Explorer" not in text and "Notebooks" not in text
    committed = (paths.ROOT / "results/tables/answer.md").read_text(encoding="utf-8")
    assert all(sentence in text for sentence in committed.strip().split("\n\n")[1:])
    assert not list(index.parent.glob("*/*.ipynb"))
    # All systems on the photographs, then one of them fine-tuned; those of all sets at the end.
    photographs, finetuned = text.index("photographs of real vehicles"), text.index("fine-tuned on")
    assert photographs < text.index("Siamese-Visual", photographs) < finetuned
    assert finetuned < text.index("minutes, Rendered-VeRi")


def test_tables_of_other_runs_are_told_until_they_are_made_anew(results, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    shutil.copytree(results, paths.RESULTS)
    told = "not those of the runs on this machine"
    assert told in Seen(report()).text
    rebuild(paths.RESULTS / "runs", paths.RESULTS)
    assert told not in Seen(report()).text
    write_run(paths.RESULTS / "runs", "rendered-veri", "rnn-ha", 7, queries({"a": (1, 0.5, 2)}))
    assert told in Seen(report()).text
    shutil.rmtree(paths.RESULTS / "runs")
    assert told not in Seen(report()).text


def test_where_there_is_nothing_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with pytest.raises(NotebookError, match="nothing to report.*make reproduce"):
        report(tmp_path / "results")
    assert not (tmp_path / "build").exists()
